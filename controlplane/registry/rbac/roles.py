# SPDX-License-Identifier: Apache-2.0
"""Role."""

from lightkube.resources import rbac_authorization_v1

from controlplane.registry.columns import NAME, created_at
from controlplane.registry.derive import derive
from controlplane.registry.rbac.rules import RoleStrategy

RESOURCE = derive(rbac_authorization_v1.Role, columns=(NAME, created_at()), strategy=RoleStrategy())
