# SPDX-License-Identifier: Apache-2.0
"""Short words for the tables of this folder: lists are written as one string with spaces, core is the group ""."""

from collections.abc import Iterable
from typing import Any, Final

from controlplane.auth.rbac import GROUP
from controlplane.auth.rules import Rule

Json = dict[str, Any]

READ: Final = "get list watch"
WRITE: Final = "create delete deletecollection patch update"
WATCH: Final = "list watch"
AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_LABELS: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_API_VERSION: Final = f"{GROUP}/v1"


def may(verbs: str, resources: str, groups: str = "core", names: str = "") -> Rule:
    """A rule upon resources; names limits it to objects."""
    return Rule(
        frozenset(verbs.split()),
        frozenset("" if group == "core" else group for group in groups.split()),
        frozenset(resources.split()),
        frozenset(names.split()),
    )


def may_urls(verbs: str, urls: str) -> Rule:
    """A rule upon paths outside resources."""
    return Rule(frozenset(verbs.split()), urls=frozenset(urls.split()))


def events() -> Rule:
    """Reporting what happens, in both groups that events have."""
    return may("create patch update", "events", "core events.k8s.io")


def cluster_role(name: str, rules: Iterable[Rule] = (), *, labels: str = "", sums: str = "") -> Json:
    """A ClusterRole. labels: aggregations that it is part of, such as view; sums: the aggregation that it is."""
    role: Json = {"apiVersion": _API_VERSION, "kind": "ClusterRole", "metadata": _metadata(name)}
    role["metadata"]["labels"] |= {f"{GROUP}/aggregate-to-{label}": "true" for label in labels.split()}
    if sums:
        wanted = {"matchLabels": {f"{GROUP}/aggregate-to-{sums}": "true"}}
        role["aggregationRule"] = {"clusterRoleSelectors": [wanted]}
    return {**role, "rules": [rule.to_data() for rule in rules]}


def role(namespace: str, name: str, rules: Iterable[Rule]) -> Json:
    """A Role."""
    metadata = {**_metadata(name), "namespace": namespace}
    data = [rule.to_data() for rule in rules]
    return {"apiVersion": _API_VERSION, "kind": "Role", "metadata": metadata, "rules": data}


def cluster_binding(name: str, role_name: str, *subjects: Json) -> Json:
    """A ClusterRoleBinding."""
    return {
        "apiVersion": _API_VERSION,
        "kind": "ClusterRoleBinding",
        "metadata": _metadata(name),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role_name},
        "subjects": list(subjects),
    }


def binding(namespace: str, name: str, *subjects: Json) -> Json:
    """A RoleBinding to the Role of the same name."""
    return {
        "apiVersion": _API_VERSION,
        "kind": "RoleBinding",
        "metadata": {**_metadata(name), "namespace": namespace},
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
        "subjects": list(subjects),
    }


def group(name: str) -> Json:
    """A subject: everybody in a group."""
    return {"apiGroup": GROUP, "kind": "Group", "name": name}


def user(name: str) -> Json:
    """A subject: one user."""
    return {"apiGroup": GROUP, "kind": "User", "name": name}


def account(namespace: str, name: str) -> Json:
    """A subject: a service account."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _metadata(name: str) -> Json:
    return {"name": name, "labels": dict(_LABELS), "annotations": {AUTOUPDATE: "true"}}
