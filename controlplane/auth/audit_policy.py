# SPDX-License-Identifier: Apache-2.0
"""Which requests come into the audit log: the first rule that is about a request decides, as in audit.k8s.io/v1 Policy.

Only the levels None and Metadata exist here: bodies are never logged.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.auth.authenticate import ANONYMOUS_PATHS
from controlplane.request import Attributes

_RENEWALS: Final = frozenset({"get", "update", "patch"})


@dataclass(frozen=True, slots=True)
class ResourceNames:
    """resources are plurals, "pods/log", "*/status" or "*"; () is all of the group. names: of objects, () is all."""

    group: str = ""
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def is_about(self, asked: Attributes) -> bool:
        """Whether the request is about one of these."""
        if self.group != asked.group or (self.names and asked.name not in self.names):
            return False
        full = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        matching = {full, "*", f"*/{asked.subresource}" if asked.subresource else full, f"{asked.resource}/*"}
        return not self.resources or bool(matching & set(self.resources))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is given has to hold; () holds for everything. paths are of requests outside resources, * may end them."""

    logged: bool
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    resources: tuple[ResourceNames, ...] = ()
    paths: tuple[str, ...] = ()

    def is_about(self, asked: Attributes) -> bool:
        """Whether this rule decides the request."""
        return (
            _holds(self.users, (asked.user.name,))
            and _holds(self.groups, asked.user.groups)
            and _holds(self.verbs, (asked.verb,))
            and self._place(asked)
        )

    def _place(self, asked: Attributes) -> bool:
        if asked.is_resource:
            # A rule that only speaks of paths is about no resource.
            if self.paths and not self.resources and not self.namespaces:
                return False
            named = not self.resources or any(one.is_about(asked) for one in self.resources)
            return named and _holds(self.namespaces, (asked.namespace,))
        if not self.paths:
            return not self.resources and not self.namespaces
        return any(_matches(pattern, asked.path) for pattern in self.paths)


# In force where the configuration has no rules.
DEFAULT: Final = (
    Rule(logged=False, paths=tuple(ANONYMOUS_PATHS)),
    Rule(
        logged=False, verbs=tuple(_RENEWALS), resources=(ResourceNames("coordination.k8s.io", ("leases",)),)
    ),
    Rule(logged=True),
)


def logs(rules: Sequence[Rule], asked: Attributes) -> bool:
    """Whether the request comes into the log; what no rule is about does not."""
    return next((rule.logged for rule in rules if rule.is_about(asked)), False)


def _holds(wanted: Collection[str], given: Collection[str]) -> bool:
    return not wanted or "*" in wanted or any(one in wanted for one in given)


def _matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
