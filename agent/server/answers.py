# SPDX-License-Identifier: Apache-2.0
"""What the routes read from, and how a request's pod and container are found."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry

from agent.pod.model import ObservedContainer, PodKey
from agent.pod.view import PodView
from agent.sources.model import DesiredPod, Origin, Snapshot
from cri import Runtime
from cri.model import ContainerState


class PodBook(Protocol):
    """What the routes need of the pod manager."""

    @property
    def views(self) -> Mapping[PodKey, PodView]:
        """What is known of every pod right now."""

    @property
    def snapshot(self) -> Snapshot:
        """What should run here."""

    @property
    def looked(self) -> asyncio.Event:
        """Set once everything that the runtime holds was looked at."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The node's parts that requests are about; config is what /configz shows.

    cgroup_mount and proc are where the kernel is asked for usage; checkpoints is the folder for them, logs_folder what
    /logs/ shows (None: nothing).
    """

    node_name: str
    address: str
    runtime: Runtime
    manager: PodBook
    config: Mapping[str, Any] = field(default_factory=dict)
    probe_metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    checkpoints: Path | None = None
    logs_folder: Path | None = None
    cgroup_mount: Path = Path("/sys/fs/cgroup")
    proc: Path = Path("/proc")


ANSWERS = web.AppKey("answers", Answers)


@dataclass(frozen=True, slots=True)
class Found:
    """A pod of this node; desired is None for one that is only left over in the runtime."""

    key: PodKey
    view: PodView
    desired: DesiredPod | None

    def newest(self, name: str) -> ObservedContainer:
        """The newest container of this name. Raises HTTPNotFound."""
        container = self.view.observed.latest(name)
        if container is not None:
            return container
        if self.desired is not None and name in _names(self.desired):
            raise web.HTTPBadRequest(text=f"{self._waiting(name)}\n")
        raise web.HTTPNotFound(
            text=f'container "{name}" not found in pod "{self.key.name}"; {self._known()}\n'
        )

    def running(self, name: str) -> str:
        """The id of the running container of this name. Raises HTTPNotFound, HTTPConflict."""
        status = self.newest(name).status
        if status.state is not ContainerState.RUNNING:
            raise web.HTTPConflict(text=f"container {self.key}/{name} is {status.state}, not running\n")
        return status.id

    def _waiting(self, name: str) -> str:
        waiting = self.view.waiting.get(name) or self.view.failures.get(name)
        reason = waiting.reason if waiting else "ContainerCreating"
        return f'container "{name}" in pod "{self.key.name}" is waiting to start: {reason}'

    def _known(self) -> str:
        names = {c.status.name for c in self.view.observed.containers}
        names |= _names(self.desired) if self.desired else set()
        return f"it has: {', '.join(sorted(names)) or 'none'}"


def find_pod(request: web.Request) -> Found:
    """The pod that the path names, a static pod also by its mirror's name. Raises HTTPNotFound."""
    answers = request.app[ANSWERS]
    info = request.match_info
    for key in _keys(info["namespace"], info["pod"], answers.node_name):
        desired, view = answers.manager.snapshot.pods.get(key), answers.manager.views.get(key)
        is_mirror = key.name != info["pod"]
        if (desired is None and view is None) or (is_mirror and not _is_static(desired)):
            continue
        if "uid" in info and not is_mirror and desired is not None and desired.uid != info["uid"]:
            continue
        return Found(key, view or PodView(), desired)
    raise web.HTTPNotFound(text=f"pod {info['namespace']}/{info['pod']} does not exist on this node\n")


def _keys(namespace: str, name: str, node: str) -> list[PodKey]:
    local = name.removesuffix(f"-{node}")
    return [PodKey(namespace, name)] + ([PodKey(namespace, local)] if local != name else [])


def _is_static(desired: DesiredPod | None) -> bool:
    return desired is not None and desired.origin is Origin.FILE


def _names(desired: DesiredPod) -> set[str]:
    spec = desired.pod.spec
    if spec is None:
        return set()
    groups = (spec.containers, spec.initContainers or (), spec.ephemeralContainers or ())
    return {container.name for group in groups for container in group}
