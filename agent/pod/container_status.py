# SPDX-License-Identifier: Apache-2.0
"""ContainerStatus of the API for app, init and ephemeral containers; pure."""

from typing import Any

from lightkube.models import core_v1

from agent.pod.container_state import CREATING, INITIALIZING, Seen, container_id, last_state_of, see, state_of
from agent.pod.role import AnyContainer, Role, is_sidecar
from agent.pod.situation import Situation


def init_statuses(spec: core_v1.PodSpec, situation: Situation) -> list[core_v1.ContainerStatus]:
    """Of the init containers, in the spec's order."""
    told = _by_name(situation.previous.initContainerStatuses)
    return [
        _status(c, Role.SIDECAR if is_sidecar(c) else Role.INIT, situation, told.get(c.name), INITIALIZING)
        for c in spec.initContainers or ()
    ]


def app_statuses(
    spec: core_v1.PodSpec, situation: Situation, *, initialized: bool
) -> list[core_v1.ContainerStatus]:
    """Of the app containers, in the spec's order."""
    told = _by_name(situation.previous.containerStatuses)
    creating = CREATING if initialized else INITIALIZING
    return [_status(c, Role.APP, situation, told.get(c.name), creating) for c in spec.containers]


def ephemeral_statuses(spec: core_v1.PodSpec, situation: Situation) -> list[core_v1.ContainerStatus]:
    """Of the ephemeral containers, which are never ready: nothing depends on them."""
    told = _by_name(situation.previous.ephemeralContainerStatuses)
    return [
        _status(c, Role.EPHEMERAL, situation, told.get(c.name), CREATING)
        for c in spec.ephemeralContainers or ()
    ]


def has_initialized(container: core_v1.Container, status: core_v1.ContainerStatus) -> bool:
    """Whether the containers after this init container may start."""
    return bool(status.started) if is_sidecar(container) else _ended_well(status.state)


def _by_name(statuses: list[core_v1.ContainerStatus] | None) -> dict[str, core_v1.ContainerStatus]:
    return {status.name: status for status in statuses or ()}


def _status(
    container: AnyContainer,
    role: Role,
    situation: Situation,
    told: core_v1.ContainerStatus | None,
    creating: str,
) -> core_v1.ContainerStatus:
    seen = see(container.name, situation, told, creating)
    status = seen.status
    made = core_v1.ContainerStatus(
        name=container.name,
        image=container.image or "",
        imageID=status.image_ref if status else (told.imageID if told else ""),
        containerID=container_id(status) if status else (told.containerID if told else None),
        ready=False,
        started=_has_started(seen, situation),
        restartCount=max(status.attempt if status else 0, told.restartCount if told else 0),
        state=state_of(seen, situation),
        lastState=last_state_of(seen, situation),
        **_resources(container, seen, told, situation),
        user=_user(seen),
        volumeMounts=_volume_mounts(container),
    )
    made.ready = _is_ready(role, made, seen, situation)
    return made


def _has_started(seen: Seen, situation: Situation) -> bool:
    """Its process runs, its postStart hook is done, and its startup probe succeeded."""
    if seen.status is None or not seen.is_running or seen.status.id in situation.hooking:
        return False
    return situation.probes(seen.status.id).started


def _is_ready(role: Role, made: core_v1.ContainerStatus, seen: Seen, situation: Situation) -> bool:
    match role:
        case Role.EPHEMERAL:
            return False
        case Role.INIT:
            return _ended_well(made.state)
    return bool(made.started and seen.status is not None and situation.probes(seen.status.id).ready)


def _ended_well(state: core_v1.ContainerState | None) -> bool:
    return bool(state and state.terminated and state.terminated.exitCode == 0)


def _resources(
    container: AnyContainer, seen: Seen, told: core_v1.ContainerStatus | None, situation: Situation
) -> dict[str, Any]:
    """What holds for it, and what the node has set aside; while a resize is ahead both are what was told before."""
    if told is not None and container.name in situation.resize.names:
        return {"allocatedResources": told.allocatedResources, "resources": told.resources}
    requests = (container.resources.requests or None) if container.resources else None
    return {"allocatedResources": requests, "resources": container.resources if seen.is_running else None}


def _user(seen: Seen) -> core_v1.ContainerUser | None:
    user = seen.status.user if seen.status else None
    if user is None:
        return None
    linux = core_v1.LinuxContainerUser(
        uid=user.uid, gid=user.gid, supplementalGroups=list(user.groups) or None
    )
    return core_v1.ContainerUser(linux=linux)


def _volume_mounts(container: AnyContainer) -> list[core_v1.VolumeMountStatus] | None:
    mounts = [
        core_v1.VolumeMountStatus(mountPath=m.mountPath, name=m.name, readOnly=m.readOnly)
        for m in container.volumeMounts or ()
    ]
    return mounts or None
