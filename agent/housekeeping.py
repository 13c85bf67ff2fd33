# SPDX-License-Identifier: Apache-2.0
"""Give back what pods left outside the runtime when an agent or a runtime was killed.

Addresses, volumes, cgroups, logs, and what was remembered of probes.
"""

import asyncio
import logging
import shutil
from pathlib import Path

from agent import network
from agent.cgroup.errors import CgroupError
from agent.cgroup.manager import Cgroups
from agent.config import AgentConfig
from agent.errors import AgentError
from agent.logs import layout as logs
from agent.pod import labels
from agent.pod.manager import PodManager
from agent.pod.render import cgroup_of
from agent.pod.worker import WorkerSettings
from agent.volume.manager import Volumes
from cri import CriError

log = logging.getLogger("orlop.agent")


async def keep_house(config: AgentConfig, settings: WorkerSettings, manager: PodManager) -> None:
    """Tidy up after the first look at everything, and every housekeeping_seconds."""
    while True:
        await manager.looked.wait()
        try:
            await tidy(config, settings, manager)
        except (CriError, AgentError, CgroupError, OSError) as error:
            log.warning("housekeeping is tried again in %g s: %s", config.housekeeping_seconds, error)
        await asyncio.sleep(config.housekeeping_seconds)


async def tidy(config: AgentConfig, settings: WorkerSettings, manager: PodManager) -> None:
    """One round; nothing of a pod that is wanted, known to the runtime, or being started is touched."""
    tools = settings.tools
    sandboxes = await tools.runtime.list_sandboxes()
    if not tools.starting:
        await network.collect_garbage(config.cni_bin, config.cni_conf, [s.id for s in sandboxes])
    wanted = tuple(manager.snapshot.pods.values())
    uids = {desired.uid for desired in wanted} | {s.metadata.uid for s in sandboxes}
    settings.prober.tidy([c.id for c in await tools.runtime.list_containers()])
    await _remove_volumes(tools.volumes, uids)
    await asyncio.to_thread(_remove_logs, config.logs, uids)
    used = {s.annotations.get(labels.CGROUP, "") for s in sandboxes}
    used |= {cgroup_of(desired, settings.node) for desired in wanted}
    await asyncio.to_thread(_remove_cgroups, config.cgroup_root, tools.cgroups, used)


async def _remove_volumes(volumes: Volumes, uids: set[str]) -> None:
    for uid in volumes.uids() - uids:
        log.info("removing the volumes of a pod that is gone: %s", uid)
        await volumes.teardown(uid)


def _remove_logs(root: Path, uids: set[str]) -> None:
    folder = root / "pods"
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.rpartition("_")[2] not in uids:
            log.info("removing the logs of a pod that is gone: %s", path.name)
            shutil.rmtree(path, ignore_errors=True)
    logs.remove_dangling_links(root)


def _remove_cgroups(root: str, cgroups: Cgroups, used: set[str]) -> None:
    for path in cgroups.list_pods(root):
        if path not in used:
            log.info("removing the cgroup of a pod that is gone: %s", path)
            cgroups.remove(path)
