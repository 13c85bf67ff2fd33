# SPDX-License-Identifier: Apache-2.0
"""All registered kinds, and the ways to find one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controlplane.registry.resource import Resource


@dataclass(frozen=True, slots=True)
class Group:
    """An API group with its versions, the preferred one first; name "" is core."""

    name: str
    versions: tuple[str, ...]

    @property
    def preferred(self) -> str:
        """The version that clients take who do not ask for one."""
        return self.versions[0]


class Registry:
    """Kinds in their order of registration, which is also that of discovery: the first version of a group is preferred.

    A registry does not change; `extended` gives a larger one.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        """Raises ValueError when two kinds have the same plural or the same name in one group and version."""
        self._resources = tuple(resources)
        self._by_plural = {(r.group, r.version, r.plural): r for r in self._resources}
        self._by_kind = {(r.group, r.version, r.kind): r for r in self._resources}
        if not len(self._resources) == len(self._by_plural) == len(self._by_kind):
            raise ValueError("cannot register kinds: two have the same group, version and plural or kind")
        self.groups = tuple(
            Group(name, _unique(r.version for r in self._resources if r.group == name))
            for name in _unique(r.group for r in self._resources)
        )
        self._preferred = {(r.group, r.plural): r for r in reversed(self._resources)}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources)

    def __len__(self) -> int:
        return len(self._resources)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The kind that a URL means, or None."""
        return self._by_plural.get((group, version, plural))

    def by_kind(self, group: str, version: str, kind: str) -> Resource | None:
        """The kind that an object's apiVersion and kind mean, or None."""
        return self._by_kind.get((group, version, kind))

    def preferred(self, group: str, plural: str) -> Resource | None:
        """The kind in its group's preferred version that has it, or None."""
        return self._preferred.get((group, plural))

    def group(self, name: str) -> Group | None:
        """A group with its versions, or None."""
        return next((group for group in self.groups if group.name == name), None)

    def of_version(self, group: str, version: str) -> tuple[Resource, ...]:
        """All kinds of one group and version, by plural."""
        found = [r for r in self._resources if (r.group, r.version) == (group, version)]
        return tuple(sorted(found, key=lambda resource: resource.plural))

    def stored(self) -> tuple[Resource, ...]:
        """One kind for each range of the store's keys: those that others only convert to."""
        kept: dict[str, Resource] = {}
        for resource in self._resources:
            if resource.to_storage is None and "list" in resource.verbs:
                kept.setdefault(resource.storage_prefix, resource)
        return tuple(kept.values())

    def extended(self, resources: Iterable[Resource]) -> "Registry":
        """A registry with these kinds too, after the others."""
        return Registry((*self._resources, *resources))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
