# SPDX-License-Identifier: Apache-2.0
"""Event of the core group, whose store events.k8s.io shares."""

from lightkube.resources import core_v1

from controlplane.registry.derive import derive
from controlplane.registry.event_print import EVENT_COLUMNS
from controlplane.registry.event_strategy import EventStrategy

RESOURCE = derive(core_v1.Event, short_names=("ev",), columns=EVENT_COLUMNS, strategy=EventStrategy())
