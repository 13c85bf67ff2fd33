# SPDX-License-Identifier: Apache-2.0
"""What the four kinds of RBAC share: rules, references to roles, subjects, their defaults and columns."""

from collections.abc import Mapping
from typing import ClassVar, Final

from controlplane.registry.columns import AGE, NAME, WIDE, computed
from controlplane.registry.data import Defaults, Json, items, look, mapping
from controlplane.registry.resource import Column
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import PATH_SEGMENT
from kube.problem import Path, refused, required, unsupported

GROUP: Final = "rbac.authorization.k8s.io"
SUBJECTS: Final = ("Group", "ServiceAccount", "User")


class BindingStrategy(KindStrategy):
    """Who has a role; which role it is stays, for a change would give rights that nobody checked."""

    name_rule = PATH_SEGMENT
    creates_on_update = True
    defaults: ClassVar[Defaults] = {("roleRef",): {"apiGroup": GROUP}}
    # Kinds that may be bound.
    role_kinds: ClassVar[tuple[str, ...]] = ("ClusterRole", "Role")

    def set_defaults(self, obj: Json) -> None:
        """Users and groups are RBAC's own kinds."""
        super().set_defaults(obj)
        for subject in items(obj, "subjects"):
            if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
                subject["apiGroup"] = GROUP

    def problems(self, obj: Json) -> Problems:
        """A role of a known kind, and subjects that can be."""
        reference = mapping(obj, "roleRef")
        if reference.get("apiGroup") != GROUP:
            yield unsupported(("roleRef", "apiGroup"), reference.get("apiGroup"), (GROUP,))
        if reference.get("kind") not in self.role_kinds:
            yield unsupported(("roleRef", "kind"), reference.get("kind"), self.role_kinds)
        yield from PATH_SEGMENT.check(("roleRef", "name"), reference.get("name"))
        for index, subject in enumerate(items(obj, "subjects")):
            yield from _subject(subject, ("subjects", index))

    def changes(self, obj: Json, old: Json) -> Problems:
        """A binding stays with its role."""
        if mapping(obj, "roleRef") != mapping(old, "roleRef"):
            yield refused(("roleRef",), mapping(obj, "roleRef"), "cannot change roleRef")


def _subject(subject: Json, path: Path) -> Problems:
    kind = subject.get("kind")
    if not subject.get("name"):
        yield required((*path, "name"))
    if kind not in SUBJECTS:
        yield unsupported((*path, "kind"), kind, SUBJECTS)
        return
    group = "" if kind == "ServiceAccount" else GROUP
    if (subject.get("apiGroup") or "") != group:
        yield unsupported((*path, "apiGroup"), subject.get("apiGroup"), (group,))
    if kind == "ServiceAccount" and not subject.get("namespace"):
        yield required((*path, "namespace"), "the namespace of the service account")


class RoleStrategy(KindStrategy):
    """Rules about resources."""

    name_rule = PATH_SEGMENT
    creates_on_update = True
    # Whether rules may be about paths such as /healthz.
    is_cluster: ClassVar[bool] = False

    def problems(self, obj: Json) -> Problems:
        """Rules that say what may be done to what."""
        for index, rule in enumerate(items(obj, "rules")):
            yield from check_rule(rule, ("rules", index), is_cluster=self.is_cluster)


def check_rule(rule: Json, path: Path, *, is_cluster: bool) -> Problems:
    """What is wrong with a PolicyRule at path."""
    if not items(rule, "verbs"):
        yield required((*path, "verbs"), "at least one verb")
    if items(rule, "nonResourceURLs"):
        if not is_cluster:
            yield refused(
                (*path, "nonResourceURLs"),
                rule["nonResourceURLs"],
                "namespaced rules cannot apply to non-resource URLs",
            )
        if any(items(rule, field) for field in ("apiGroups", "resources", "resourceNames")):
            yield refused(
                (*path, "nonResourceURLs"),
                rule["nonResourceURLs"],
                "rules cannot apply to both regular resources and non-resource URLs",
            )
        return
    for field in ("apiGroups", "resources"):
        if not items(rule, field):
            yield required((*path, field), "at least one, in a rule about resources")


def check_aggregation(obj: Json) -> Problems:
    """An aggregation rule selects by something."""
    rule = look(obj, "aggregationRule")
    if rule is not None and not items(rule, "clusterRoleSelectors"):
        yield required(("aggregationRule", "clusterRoleSelectors"), "at least one selector")


def binding_columns() -> tuple[Column, ...]:
    """Role, age, and with -o wide who has it."""
    return (
        NAME,
        computed("Role", _role),
        AGE,
        computed("Users", lambda obj: _names(obj, "User"), priority=WIDE),
        computed("Groups", lambda obj: _names(obj, "Group"), priority=WIDE),
        computed("ServiceAccounts", _accounts, priority=WIDE),
    )


def _role(obj: Json) -> str:
    reference: Mapping[str, str] = mapping(obj, "roleRef")
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _names(obj: Json, kind: str) -> str:
    return ", ".join(s.get("name", "") for s in items(obj, "subjects") if s.get("kind") == kind)


def _accounts(obj: Json) -> str:
    accounts = [s for s in items(obj, "subjects") if s.get("kind") == "ServiceAccount"]
    return ", ".join(f"{s.get('namespace', '')}/{s.get('name', '')}" for s in accounts)
