# SPDX-License-Identifier: Apache-2.0
"""One RBAC rule: what it allows, and which smaller rules it covers (rbac.authorization.k8s.io/v1 PolicyRule)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from controlplane.request import Attributes

Json = dict[str, Any]
ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs upon resources of groups (names empty: all of them), or upon URLs. "*" is every one."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def allows(self, asked: Attributes) -> bool:
        """Whether this rule alone lets the request pass, wherever the rule holds."""
        if asked.verb not in self.verbs and ANY not in self.verbs:
            return False
        if not asked.resource:
            return any(url_covers(url, asked.path) for url in self.urls)
        if asked.group not in self.groups and ANY not in self.groups:
            return False
        if self.names and asked.name not in self.names:
            return False
        return self._has_resource(asked.resource, asked.subresource)

    def _has_resource(self, resource: str, subresource: str) -> bool:
        if ANY in self.resources:
            return True
        if not subresource:
            return resource in self.resources
        return f"{resource}/{subresource}" in self.resources or f"{ANY}/{subresource}" in self.resources

    def covers(self, small: "Rule") -> bool:
        """Whether whoever holds this rule holds the small one as well; small is one of pieces()."""
        if not _holds(self.verbs, small.verbs):
            return False
        if small.urls:
            return all(any(url_covers(mine, url) for mine in self.urls) for url in small.urls)
        if self.names and not (small.names and small.names <= self.names):
            return False
        resources = (name.partition("/") for name in small.resources)
        has_all = all(
            name in self.resources or self._has_resource(name, subresource)
            for name, _, subresource in resources
        )
        return _holds(self.groups, small.groups) and has_all

    def pieces(self) -> Iterator["Rule"]:
        """The same permission as rules of one verb, group, resource and name each, or one verb and URL."""
        for verb, group, resource in product(*map(sorted, (self.verbs, self.groups, self.resources))):
            for names in [frozenset({name}) for name in sorted(self.names)] or [frozenset[str]()]:
                yield Rule(frozenset({verb}), frozenset({group}), frozenset({resource}), names)
        for verb, url in product(sorted(self.verbs), sorted(self.urls)):
            yield Rule(frozenset({verb}), urls=frozenset({url}))

    def to_data(self) -> Json:
        """As in a role."""
        fields = {
            "verbs": self.verbs,
            "apiGroups": self.groups,
            "resources": self.resources,
            "resourceNames": self.names,
            "nonResourceURLs": self.urls,
        }
        return {key: sorted(values) for key, values in fields.items() if values}

    def __str__(self) -> str:
        """For people: {APIGroups:[""], Resources:["pods"], Verbs:["get"]}."""
        parts = {
            "APIGroups": self.groups,
            "Resources": self.resources,
            "ResourceNames": self.names,
            "NonResourceURLs": self.urls,
            "Verbs": self.verbs,
        }
        told = [f"{key}:[{_quoted(values)}]" for key, values in parts.items() if values]
        return "{" + ", ".join(told) + "}"


FULL: Final = (
    Rule(frozenset({ANY}), frozenset({ANY}), frozenset({ANY})),
    Rule(frozenset({ANY}), urls=frozenset({ANY})),
)


def rule_of(data: Json) -> Rule:
    """From a role's rule."""
    return Rule(
        frozenset(data.get("verbs") or ()),
        frozenset(data.get("apiGroups") or ()),
        frozenset(data.get("resources") or ()),
        frozenset(data.get("resourceNames") or ()),
        frozenset(data.get("nonResourceURLs") or ()),
    )


def rules_of(role: Json) -> tuple[Rule, ...]:
    """Of a Role or ClusterRole."""
    return tuple(rule_of(data) for data in role.get("rules") or ())


def url_covers(pattern: str, url: str) -> bool:
    """Whether pattern ("*", "/healthz", "/apis/*") stands for url, which may be a pattern itself."""
    return pattern in (ANY, url) or (pattern.endswith(ANY) and url.startswith(pattern[:-1]))


def not_covered(held: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """The pieces of the wanted rules that none of the held ones covers."""
    pieces = dict.fromkeys(piece for rule in wanted for piece in rule.pieces())
    return [piece for piece in pieces if not any(rule.covers(piece) for rule in held)]


def _holds(mine: frozenset[str], wanted: frozenset[str]) -> bool:
    return ANY in mine or wanted <= mine


def _quoted(values: frozenset[str]) -> str:
    return ", ".join(f'"{value}"' for value in sorted(values))
