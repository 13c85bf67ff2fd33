# SPDX-License-Identifier: Apache-2.0
"""ClusterRole: rules about resources and paths, or made of other ClusterRoles' rules."""

from lightkube.resources import rbac_authorization_v1

from controlplane.registry.columns import NAME, created_at
from controlplane.registry.data import Json
from controlplane.registry.derive import derive
from controlplane.registry.rbac.rules import RoleStrategy, check_aggregation
from controlplane.registry.strategy import Problems


class ClusterRoleStrategy(RoleStrategy):
    """As a Role, with paths and aggregation."""

    is_cluster = True

    def problems(self, obj: Json) -> Problems:
        """Rules, and what it is made of."""
        yield from super().problems(obj)
        yield from check_aggregation(obj)


RESOURCE = derive(
    rbac_authorization_v1.ClusterRole, columns=(NAME, created_at()), strategy=ClusterRoleStrategy()
)
