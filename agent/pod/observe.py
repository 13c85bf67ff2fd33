# SPDX-License-Identifier: Apache-2.0
"""Ask the runtime what it holds: of one pod in full, or of all pods in short."""

import asyncio
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from agent.pod import labels
from agent.pod.model import ObservedContainer, ObservedPod, PodKey
from cri import NotFound, Runtime
from cri.model import Container, Sandbox, SandboxState


@dataclass(frozen=True, slots=True)
class FoundPod:
    """A pod name in the runtime, in short: ids with their states, and the manifest that it was made from."""

    states: frozenset[tuple[str, str]]
    source: str


# The exit code of a process that was ended by SIGKILL, as the OOM killer does it.
KILLED = 128 + 9


async def observe_pod(
    runtime: Runtime, key: PodKey, oom_killed: AbstractSet[str] = frozenset()
) -> ObservedPod:
    """All sandboxes and containers under this pod name, each container with its full status.

    oom_killed has the ids of containers of which the kernel's log tells an OOM kill, which the runtime may have missed.
    """
    selector = {labels.POD_NAMESPACE: key.namespace, labels.POD_NAME: key.name}
    sandboxes, rows = await asyncio.gather(
        runtime.list_sandboxes(labels=selector), runtime.list_containers(labels=selector)
    )
    newest = _newest_first(sandboxes)
    found = await asyncio.gather(*(_container(runtime, row, oom_killed) for row in rows))
    containers = tuple(container for container in found if container is not None)
    return ObservedPod(newest, containers, await _addresses(runtime, newest))


async def find_pods(runtime: Runtime) -> Mapping[PodKey, FoundPod]:
    """Every pod name that the runtime knows; two calls, however many pods there are."""
    sandboxes, containers = await asyncio.gather(runtime.list_sandboxes(), runtime.list_containers())
    states: dict[PodKey, set[tuple[str, str]]] = {}
    items: tuple[Sandbox | Container, ...] = (*sandboxes, *containers)
    for item in items:
        if key := _key_of(item):
            states.setdefault(key, set()).add((item.id, item.state.value))
    sources = {_key_of(box): box.annotations.get(labels.SOURCE, "") for box in sandboxes}
    return {key: FoundPod(frozenset(parts), sources.get(key, "")) for key, parts in states.items()}


def _key_of(item: Sandbox | Container) -> PodKey | None:
    """The pod it belongs to; None for what somebody else made in the same containerd, none of our business."""
    namespace, name = item.labels.get(labels.POD_NAMESPACE), item.labels.get(labels.POD_NAME)
    return PodKey(namespace, name) if namespace and name else None


def _newest_first(sandboxes: Iterable[Sandbox]) -> tuple[Sandbox, ...]:
    return tuple(sorted(sandboxes, key=lambda s: (s.metadata.attempt, s.created_at), reverse=True))


async def _container(
    runtime: Runtime, row: Container, oom_killed: AbstractSet[str]
) -> ObservedContainer | None:
    try:
        status = await runtime.container_status(row.id)
    except NotFound:
        return None
    if status.exit_code == KILLED and row.id in oom_killed:
        status = replace(status, reason="OOMKilled")
    return ObservedContainer(row.sandbox_id, status)


async def _addresses(runtime: Runtime, sandboxes: tuple[Sandbox, ...]) -> tuple[str, ...]:
    if not sandboxes or sandboxes[0].state is not SandboxState.READY:
        return ()
    try:
        status = await runtime.sandbox_status(sandboxes[0].id)
    except NotFound:
        return ()
    return tuple(ip for ip in (status.ip, *status.additional_ips) if ip)
