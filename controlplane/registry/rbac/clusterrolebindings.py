# SPDX-License-Identifier: Apache-2.0
"""ClusterRoleBinding."""

from lightkube.resources import rbac_authorization_v1

from controlplane.registry.derive import derive
from controlplane.registry.rbac.rules import BindingStrategy, binding_columns


class ClusterRoleBindingStrategy(BindingStrategy):
    """Binds ClusterRoles only."""

    role_kinds = ("ClusterRole",)


RESOURCE = derive(
    rbac_authorization_v1.ClusterRoleBinding,
    columns=binding_columns(),
    strategy=ClusterRoleBindingStrategy(),
)
