# SPDX-License-Identifier: Apache-2.0
"""Tasks that keep a node's disk: logs are rotated, images that nobody needs removed, volumes held to their limits."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

from agent.config import AgentConfig
from agent.errors import AgentError
from agent.image.collector import ImageCollector
from agent.image.keyring import qualified
from agent.logs.rotate import Rotator, RunningLog
from agent.pod.manager import PodManager
from agent.pod.situation import PodEnd
from agent.pod.tools import Tools
from cri import Runtime
from cri.model import ContainerState
from kube.errors import ImageReferenceError
from kube.events import Happening, Recorder

log = logging.getLogger("orlop.agent")

# How often emptyDirs with a limit are measured; the kubelet's number.
LIMITS_SECONDS = 10.0


async def keep_logs(config: AgentConfig, runtime: Runtime, manager: PodManager) -> None:
    """Rotate the logs of running containers until cancelled."""
    await Rotator(lambda: running_logs(manager), runtime.reopen_log, config.rotation).run()


async def keep_images(
    config: AgentConfig, tools: Tools, manager: PodManager, events: Recorder | None
) -> None:
    """Collect images until cancelled, from the first look at all pods on."""
    await manager.looked.wait()

    def warn(reason: str, message: str) -> None:
        log.warning("%s: %s", reason, message)
        if events:
            events.record(Happening(node_object(config.node_name), "Warning", reason, message))

    def wanted() -> set[str]:
        return {*wanted_images(manager), *map(_listed, tools.images.pulling)}

    await ImageCollector(tools.runtime, config.images.gc, wanted, warn=warn).run()


async def keep_limits(tools: Tools, manager: PodManager) -> None:
    """End pods whose emptyDirs hold more than their sizeLimit, until cancelled; memory has its limit in the kernel."""
    while True:
        await asyncio.sleep(LIMITS_SECONDS)
        for key, desired in tuple(manager.snapshot.pods.items()):
            try:
                excess = await tools.volumes.over_limit(desired)
            except (AgentError, OSError) as error:
                log.warning("pod %s: its volumes cannot be measured now: %s", key, error)
                continue
            if excess:
                end = PodEnd("Evicted", "".join(map(str, excess)))
                log.warning("pod %s: %s", key, end.message)
                manager.end(key, desired.uid, end)


def running_logs(manager: PodManager) -> Iterator[RunningLog]:
    """The containers that run, with the paths of their logs."""
    for view in manager.views.values():
        for container in view.observed.containers:
            status = container.status
            if status.state is ContainerState.RUNNING and status.log_path:
                yield RunningLog(status.id, Path(status.log_path))


def wanted_images(manager: PodManager) -> Iterator[str]:
    """The names of images in pods that should run here, as runtimes list them."""
    for desired in manager.snapshot.pods.values():
        spec = desired.pod.spec
        if spec is None:
            continue
        for group in (spec.containers, spec.initContainers or (), spec.ephemeralContainers or ()):
            yield from filter(None, (_listed(container.image or "") for container in group))


def _listed(image: str) -> str:
    try:
        return qualified(image)
    except ImageReferenceError:
        return ""


def node_object(name: str) -> dict[str, object]:
    """What Events about the node are about; the kubelet's have the name as uid, and kubectl describe looks for that."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name}}
