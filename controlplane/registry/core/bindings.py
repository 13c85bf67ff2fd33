# SPDX-License-Identifier: Apache-2.0
"""Binding: created only, as the older way to POST pods/NAME/binding; metadata.name is the pod's."""

from lightkube.resources import core_v1

from controlplane.registry.derive import derive

RESOURCE = derive(core_v1.Binding, columns=())
