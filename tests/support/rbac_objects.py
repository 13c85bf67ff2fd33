# SPDX-License-Identifier: Apache-2.0
"""Roles and bindings in short, an index filled with objects, and questions to it."""

from collections.abc import Iterable
from typing import Any

from controlplane.auth.defaults.reconcile import key_of
from controlplane.auth.rbac import RbacAuthorizer, RbacIndex
from controlplane.request import Attributes, User

Json = dict[str, Any]


def rule(verbs: str, resources: str = "", groups: str = "core", names: str = "", urls: str = "") -> Json:
    """A PolicyRule from words; core is the group ""."""
    return {
        "verbs": verbs.split(),
        "apiGroups": ["" if group == "core" else group for group in groups.split()] if resources else [],
        "resources": resources.split(),
        "resourceNames": names.split(),
        "nonResourceURLs": urls.split(),
    }


def role(name: str, *rules: Json, namespace: str = "", labels: dict[str, str] | None = None) -> Json:
    """A Role with a namespace, a ClusterRole without."""
    metadata: Json = {"name": name, **({"namespace": namespace} if namespace else {})}
    if labels:
        metadata["labels"] = labels
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": metadata,
        "rules": list(rules),
    }


def binding(name: str, role_ref: str, *subjects: Json, namespace: str = "") -> Json:
    """role_ref is Role/x or ClusterRole/x."""
    kind, _, role_name = role_ref.partition("/")
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name},
        "subjects": list(subjects),
    }


def to_user(name: str) -> Json:
    """A subject."""
    return {"kind": "User", "name": name}


def to_group(name: str) -> Json:
    """A subject."""
    return {"kind": "Group", "name": name}


def to_account(name: str, namespace: str = "") -> Json:
    """A subject."""
    return {"kind": "ServiceAccount", "name": name, **({"namespace": namespace} if namespace else {})}


def index_of(objects: Iterable[Json]) -> RbacIndex:
    """An index that was told of these."""
    index = RbacIndex()
    for obj in objects:
        index.put(key_of(obj), obj)
    return index


def ask(
    user: User | str,
    verb: str,
    resource: str = "",
    *,
    group: str = "",
    namespace: str = "",
    name: str = "",
    path: str = "",
    field_selector: str = "",
) -> Attributes:
    """A question; resource may be pods/log."""
    plural, _, subresource = resource.partition("/")
    return Attributes(
        User(user) if isinstance(user, str) else user,
        verb,
        path,
        group=group,
        resource=plural,
        subresource=subresource,
        namespace=namespace,
        name=name,
        field_selector=field_selector,
    )


def may(objects: Iterable[Json], asked: Attributes) -> bool:
    """Whether RBAC alone allows it."""
    return RbacAuthorizer(index_of(objects)).decide(asked).allowed
