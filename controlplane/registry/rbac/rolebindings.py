# SPDX-License-Identifier: Apache-2.0
"""RoleBinding."""

from lightkube.resources import rbac_authorization_v1

from controlplane.registry.derive import derive
from controlplane.registry.rbac.rules import BindingStrategy, binding_columns

RESOURCE = derive(rbac_authorization_v1.RoleBinding, columns=binding_columns(), strategy=BindingStrategy())
