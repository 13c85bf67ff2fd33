# SPDX-License-Identifier: Apache-2.0
"""The RBAC authorizer: an index of bindings by subject, kept by change, so that a decision looks at few rules.

A subject's rules everywhere come from ClusterRoleBindings, in one namespace from its RoleBindings as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from controlplane.auth.names import MASTERS, Account
from controlplane.auth.objects import split
from controlplane.auth.rules import FULL, Rule, rules_of
from controlplane.request import Attributes, Decision, User

Json = dict[str, Any]
GROUP: Final = "rbac.authorization.k8s.io"
ROLES: Final = f"/{GROUP}/roles/"
CLUSTER_ROLES: Final = f"/{GROUP}/clusterroles/"
ROLE_BINDINGS: Final = f"/{GROUP}/rolebindings/"
CLUSTER_ROLE_BINDINGS: Final = f"/{GROUP}/clusterrolebindings/"
PREFIXES: Final = (ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)

_NO_OPINION: Final = Decision()


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding or (namespace "") ClusterRoleBinding: key of the role, subjects as "u:name" or "g:name"."""

    namespace: str
    name: str
    role: str
    role_told: str
    subjects: frozenset[str]

    @property
    def told(self) -> str:
        """For the reason of a decision, in the words of Kubernetes' audit annotations."""
        kind = (
            f'RoleBinding "{self.name}/{self.namespace}"'
            if self.namespace
            else f'ClusterRoleBinding "{self.name}"'
        )
        return f"RBAC: allowed by {kind} of {self.role_told}"


def binding_of(key: str, obj: Json) -> Binding:
    """From the object; a subject or role of an unknown kind binds nothing."""
    namespace, name = split(key)
    ref = obj.get("roleRef") or {}
    kind, role = str(ref.get("kind", "")), str(ref.get("name", ""))
    role_key = f"{ROLES}{namespace}/{role}" if kind == "Role" and namespace else ""
    role_key = f"{CLUSTER_ROLES}/{role}" if kind == "ClusterRole" else role_key
    found = (_subject(subject, namespace) for subject in obj.get("subjects") or ())
    return Binding(namespace, name, role_key, f'{kind} "{role}"', frozenset(filter(None, found)))


def _subject(subject: Json, namespace: str) -> str:
    name = str(subject.get("name", ""))
    match subject.get("kind"):
        case "User":
            return f"u:{name}"
        case "Group":
            return f"g:{name}"
        case "ServiceAccount" if owner := subject.get("namespace") or namespace:
            return f"u:{Account(str(owner), name).username}"
    return ""


class RbacIndex:
    """Roles and bindings, indexed (an objects.View of PREFIXES)."""

    def __init__(self) -> None:
        """Empty: nobody but system:masters may do anything."""
        self._roles: dict[str, tuple[Rule, ...]] = {}
        self._bindings: dict[str, Binding] = {}
        # (namespace, subject) -> keys of bindings, in order of arrival.
        self._by_subject: dict[tuple[str, str], dict[str, Binding]] = {}

    def put(self, key: str, obj: Json) -> None:
        """A role or binding as it is now."""
        if key.startswith((ROLES, CLUSTER_ROLES)):
            self._roles[key] = rules_of(obj)
            return
        self.drop(key)
        binding = self._bindings[key] = binding_of(key, obj)
        for subject in binding.subjects:
            self._by_subject.setdefault((binding.namespace, subject), {})[key] = binding

    def drop(self, key: str) -> None:
        """A role or binding that is gone."""
        self._roles.pop(key, None)
        binding = self._bindings.pop(key, None)
        for subject in binding.subjects if binding else ():
            place = (binding.namespace if binding else "", subject)
            keys = self._by_subject[place]
            del keys[key]
            if not keys:
                del self._by_subject[place]

    def role(self, key: str) -> tuple[Rule, ...] | None:
        """The rules of the role under this key of the store, None if there is no such role."""
        return self._roles.get(key)

    def grants(self, user: User, namespace: str) -> Iterator[tuple[Binding, tuple[Rule, ...]]]:
        """What binds this user in the namespace ("": in the whole cluster only), with the rules."""
        subjects = (f"u:{user.name}", *(f"g:{group}" for group in user.groups))
        for place in ("", namespace) if namespace else ("",):
            for subject in subjects:
                for binding in self._by_subject.get((place, subject), {}).values():
                    yield binding, self._roles.get(binding.role, ())

    def rules(self, user: User, namespace: str) -> list[Rule]:
        """Everything that the user may do in the namespace, system:masters included."""
        if MASTERS in user.groups:
            return list(FULL)
        return list(dict.fromkeys(rule for _, rules in self.grants(user, namespace) for rule in rules))


class RbacAuthorizer:
    """Allows what a rule allows; never denies."""

    def __init__(self, index: RbacIndex) -> None:
        """The index may change at any time."""
        self._index = index

    async def authorize(self, attributes: Attributes) -> Decision:
        """Allow with the binding as reason, or have no opinion."""
        return self.decide(attributes)

    def decide(self, asked: Attributes) -> Decision:
        """The same without waiting."""
        if MASTERS in asked.user.groups:
            return Decision(allowed=True, reason="the user is in the group system:masters")
        namespace = asked.namespace if asked.resource else ""
        for binding, rules in self._index.grants(asked.user, namespace):
            for rule in rules:
                if rule.allows(asked):
                    return Decision(allowed=True, reason=binding.told)
        return _NO_OPINION
