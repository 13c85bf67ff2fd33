# SPDX-License-Identifier: Apache-2.0
"""Ending what runs of a pod: apps side by side, then sidecars in the reverse of their order; pure.

Everything is read from the containers themselves, where it was written when they were made: the pod's manifest or
object may be gone by now.
"""

import msgspec
from lightkube.models import core_v1

from agent.pod import labels
from agent.pod.model import ObservedContainer, ObservedPod, Step, StopContainer, grace_of
from agent.pod.role import Role
from cri.model import ContainerState


def stop_all(observed: ObservedPod, until: float | None, now: float) -> tuple[Step, ...]:
    """Stop every container that may still run, by `until` (epoch seconds; None: by the grace period written down)."""
    graces = {sandbox.id: grace_of(sandbox) for sandbox in observed.sandboxes}
    alive = [container for container in observed.containers if container.is_alive]
    sidecars = sorted((c for c in alive if _role(c) == Role.SIDECAR), key=_order, reverse=True)
    others = [container for container in alive if container not in sidecars]

    def stop(container: ObservedContainer) -> StopContainer:
        end = now + graces.get(container.sandbox_id, 0) if until is None else until
        return stop_one(container, end, f"Stopping container {container.status.name}")

    steps: tuple[Step, ...] = (tuple(map(stop, others)), *((stop(sidecar),) for sidecar in sidecars))
    return tuple(step for step in steps if step)


def stop_one(container: ObservedContainer, until: float, message: str) -> StopContainer:
    """Stop one container, with its preStop hook if it runs; message is told as Event with reason Killing."""
    status = container.status
    hook = pre_stop_of(container) if status.state is ContainerState.RUNNING else None
    return StopContainer(status.id, status.name, until, hook, message)


def pre_stop_of(container: ObservedContainer) -> core_v1.LifecycleHandler | None:
    """The hook that was written on the container; None when there is none, or none that can be read."""
    text = container.status.annotations.get(labels.PRE_STOP, "")
    try:
        return msgspec.json.decode(text, type=core_v1.LifecycleHandler) if text else None
    except msgspec.DecodeError:
        return None


def pre_stop_note(container: core_v1.Container) -> dict[str, str]:
    """The annotation that keeps the hook on the container, with the number of its port."""
    hook = container.lifecycle.preStop if container.lifecycle else None
    if hook is None:
        return {}
    if hook.httpGet:
        ports = {port.name: port.containerPort for port in container.ports or () if port.name}
        number = ports.get(str(hook.httpGet.port), hook.httpGet.port)
        hook = msgspec.structs.replace(hook, httpGet=msgspec.structs.replace(hook.httpGet, port=number))
    return {labels.PRE_STOP: msgspec.json.encode(hook.to_dict()).decode()}


def _role(container: ObservedContainer) -> str:
    return container.status.annotations.get(labels.ROLE, Role.APP)


def _order(container: ObservedContainer) -> int:
    text = container.status.annotations.get(labels.ORDER, "")
    return int(text) if text.isdigit() else 0
