# SPDX-License-Identifier: Apache-2.0
"""Wires the agent together: runtime, sources, pods, housekeeping and HTTP, as tasks of the running event loop."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from agent.api.main import ApiSide
from agent.api.reporting import Reporting
from agent.cgroup.layout import qos_cgroup
from agent.cgroup.model import QosClass
from agent.cgroup.qos import burstable_limits
from agent.config import AgentConfig
from agent.housekeeping import keep_house
from agent.node.admission import Admission, tell_refusals
from agent.node.alone import view_alone
from agent.node.oom import KMSG, watch_kernel_log
from agent.pod.context import Context
from agent.pod.manager import PodManager
from agent.pod.observe import observe_pod
from agent.pod.plan import plan_pod
from agent.pod.render import NodeFacts
from agent.pod.security import rejection
from agent.pod.worker import WorkerSettings
from agent.server.start import serving
from agent.sources.follow import follow_both
from agent.sources.manifests import ManifestFolder, watch
from agent.sources.model import Snapshot
from agent.upkeep import keep_images, keep_limits, keep_logs
from agent.wiring import Hooks, worker_settings
from cri import Runtime, connect

log = logging.getLogger("orlop.agent")

# How long a start waits for the runtime's socket before it gives up (seconds); a supervisor starts it again.
RUNTIME_WAIT = 60.0


async def serve(config: AgentConfig, *, once: bool = False) -> None:
    """Run the agent until cancelled; with once, until every pod is as its manifest says or waits for its time.

    Pods run on when the agent ends. Any error that is not about one pod ends it: the next start converges.
    """
    api = ApiSide(config) if config.api else None
    async with asyncio.TaskGroup() as group:
        # The Lease is renewed before the runtime answers: a node that starts again is not taken for dead.
        running = group.create_task(api.run(), name="API server") if api else None
        try:
            await _serve(config, api, once=once)
        finally:
            if running:
                running.cancel()


async def _serve(config: AgentConfig, api: ApiSide | None, *, once: bool) -> None:
    runtime = await connect(config.runtime_socket, wait=RUNTIME_WAIT)
    log.info("runtime %s %s at %s", runtime.info.name, runtime.info.version, config.runtime_socket)
    hooks = Hooks(lambda key: manager.wake_pod(key), lambda key: manager.snapshot.pods.get(key))
    settings = await worker_settings(config, runtime, api, hooks)
    manager = PodManager(settings, relist_seconds=config.relist_seconds)
    if api:
        _join(api, runtime, manager)
    answering = serving(
        config, runtime, manager, settings.prober.metrics.registry, api.client if api else None
    )
    try:
        async with answering, _oom(manager), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_follow_sources(config, api, settings, manager), name="sources"),
                group.create_task(_follow_runtime(runtime, manager), name="runtime events"),
                group.create_task(manager.run(), name="relist"),
                group.create_task(keep_house(config, settings, manager), name="housekeeping"),
                group.create_task(keep_limits(settings.tools, manager), name="limits of volumes"),
                group.create_task(keep_logs(config, runtime, manager), name="log rotation"),
                group.create_task(
                    keep_images(config, settings.tools, manager, api.events if api else None), name="images"
                ),
            ]
            if once:
                await manager.settled()
                for task in tasks:
                    task.cancel()
    finally:
        await manager.stop()
        await settings.prober.close()
        settings.tools.volumes.close()
        await runtime.close()


def _join(api: ApiSide, runtime: Runtime, manager: PodManager) -> None:
    """Tell the API server's side what the others do, and the others what it learns."""
    api.node.connect(runtime)
    api.objects.wake = manager.wake
    manager.changed = Reporting(api, manager).changed


async def dry_run(config: AgentConfig) -> list[str]:
    """What the agent would do now for each manifest and each pod of the runtime, a line an operation."""
    runtime = await connect(config.runtime_socket)
    try:
        settings = await worker_settings(config, runtime, None, Hooks(lambda _: None, lambda _: None))
        context = Context(time.time(), settings.node, settings.backoff, {})
        snapshot = ManifestFolder(config.manifests, node_name=config.node_name).read()
        lines = [f"problem: {problem}" for problem in snapshot.problems]
        for key, desired in sorted(snapshot.pods.items()):
            plan = plan_pod(desired, await observe_pod(runtime, key), context)
            lines += [f"pod {key}: {line}" for line in plan.describe() or ("nothing to do",)]
        return lines
    finally:
        await runtime.close()


async def _follow_sources(
    config: AgentConfig, api: ApiSide | None, settings: WorkerSettings, manager: PodManager
) -> None:
    burstable = qos_cgroup(config.cgroup_root, QosClass.BURSTABLE)
    admission = Admission(api.node.view if api else lambda: view_alone(config.node_name, config.node))
    async for both in follow_both(_manifests(config, api), api.snapshots() if api else None):
        for problem in both.problems:
            if problem not in manager.snapshot.problems:
                log.warning("%s", problem)
        both = admission.admit(_with_refusals(both, settings.node))
        tell_refusals(both, manager.snapshot, settings.tools.tell)
        manager.accept(both)
        limits = burstable_limits(desired.pod for desired in both.pods.values())
        await asyncio.to_thread(settings.tools.cgroups.ensure, burstable, limits)


def _with_refusals(snapshot: Snapshot, node: NodeFacts) -> Snapshot:
    """What this node's security cannot bring about is refused before anything is made; all others stay the same."""
    refused = {
        key: replace(desired, refusal=why)
        for key, desired in snapshot.pods.items()
        if not desired.refusal and (why := rejection(desired.pod, node.security))
    }
    return replace(snapshot, pods={**snapshot.pods, **refused})


async def _manifests(config: AgentConfig, api: ApiSide | None) -> AsyncIterator[Snapshot]:
    config.manifests.mkdir(parents=True, exist_ok=True)
    async for snapshot in watch(
        config.manifests, node_name=config.node_name, rescan_seconds=config.rescan_seconds
    ):
        if api:
            api.follow_folder(snapshot)
        yield snapshot


async def _follow_runtime(runtime: Runtime, manager: PodManager) -> None:
    async for event in runtime.events():
        manager.notice(event)


@asynccontextmanager
async def _oom(manager: PodManager) -> AsyncIterator[None]:
    with watch_kernel_log(KMSG, manager.note_oom_kill):
        yield
