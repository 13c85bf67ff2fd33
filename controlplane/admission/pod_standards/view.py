# SPDX-License-Identifier: Apache-2.0
"""A pod as the checks look at it, and the words they share.

The texts of all checks are those of k8s.io/pod-security-admission/policy: people search for them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from controlplane.registry.data import Json, items, look, mapping

_KINDS: Final = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True)
class PodView:
    """A pod, or the template of a workload."""

    pod: Json

    @cached_property
    def spec(self) -> Json:
        """The PodSpec."""
        return mapping(self.pod, "spec")

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """Of the pod's metadata."""
        return mapping(self.pod, "metadata", "annotations")

    @cached_property
    def containers(self) -> list[Json]:
        """All of them: init, main, ephemeral."""
        return [container for kind in _KINDS for container in items(self.spec, kind)]

    @cached_property
    def is_windows(self) -> bool:
        """Whether the pod says that it is for Windows, which has none of the Linux controls."""
        return bool(look(self.spec, "os", "name") == "windows")

    @cached_property
    def has_own_users(self) -> bool:
        """Whether root inside the pod is nobody outside."""
        return look(self.spec, "hostUsers") is False

    def of_pod(self, *path: str) -> Any:
        """A value of the pod's securityContext, or None."""
        return look(self.spec, "securityContext", *path)

    def of_containers(self, *path: str) -> list[tuple[str, Any]]:
        """The names of all containers with the value of their securityContext, or None."""
        return [(one.get("name", ""), look(one, "securityContext", *path)) for one in self.containers]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a pod may not do, in short, and where it does."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


def quoted(names: Iterable[str]) -> str:
    """In double quotes, with commas."""
    return ", ".join(f'"{name}"' for name in names)


def number(things: int, one: str, many: str) -> str:
    """The word for one, or for many."""
    return one if things == 1 else many


def containers(names: list[str]) -> str:
    """`container "a"`, `containers "a", "b"`."""
    return f"{number(len(names), 'container', 'containers')} {quoted(names)}"


def setters(pod: object, names: list[str]) -> str:
    """`pod and container "a"`: whoever set something."""
    return " and ".join([*(["pod"] if pod else []), *([containers(names)] if names else [])])
