# SPDX-License-Identifier: Apache-2.0
"""What pods' workers act through, put together from the configuration and the runtime."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.api.main import ApiSide
from agent.cgroup.manager import open_cgroups
from agent.config import AgentConfig
from agent.explain.preview import Preview
from agent.image.credentials import node_credentials
from agent.image.pull import ImagePuller
from agent.node.capacity import allocatable, capacity
from agent.node.machine import Roots, read_disk, read_machine
from agent.objects.model import NoObjects
from agent.objects.tokens import NoTokens
from agent.pod.facts import PodFacts
from agent.pod.host_security import has_apparmor, has_selinux
from agent.pod.names import parse_resolv_conf
from agent.pod.notes import WARNING, Note, Tell, tell_nobody
from agent.pod.render import NodeFacts
from agent.pod.security import SecurityNode
from agent.pod.termination import TerminationFiles
from agent.pod.tools import Tools
from agent.pod.worker import WorkerSettings
from agent.probe.checks import Checker
from agent.probe.memory import ProbeMemory
from agent.probe.model import ProbeReport
from agent.probe.prober import Prober
from agent.sources.model import DesiredPod, PodKey
from agent.volume.manager import Volumes
from agent.volume.node import VolumeNode
from cri import Runtime, check_health
from cri.model import DnsConfig, Features

_SYS = Path("/sys")

Find = Callable[[PodKey], DesiredPod | None]
"""The pod that should run under a name."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """How the parts reach the manager, which is made after them."""

    wake: Callable[[PodKey], None]
    find: Find


async def worker_settings(
    config: AgentConfig, runtime: Runtime, api: ApiSide | None, hooks: Hooks
) -> WorkerSettings:
    """Everything that a worker needs."""
    tell: Tell = api.tell if api else tell_nobody
    tools = await _tools(config, runtime, api, tell)

    def report(report: ProbeReport) -> None:
        desired = hooks.find(report.key)
        if desired and desired.uid == report.uid:
            tell(desired, Note(WARNING, report.reason, report.message, report.container))

    prober = Prober(
        Checker(runtime, check_health),
        changed=hooks.wake,
        tell=report,
        memory=ProbeMemory(config.state / "probes"),
    )
    return WorkerSettings(tools, config.restart_backoff, prober)


async def _tools(config: AgentConfig, runtime: Runtime, api: ApiSide | None, tell: Tell) -> Tools:
    cgroups = open_cgroups(config.cgroup_mount)
    return Tools(
        runtime=runtime,
        images=ImagePuller(
            runtime,
            config.pull_backoff,
            time.time,
            credentials=node_credentials(config.images, time.time),
            parallel=config.images.parallel_pulls,
        ),
        cgroups=cgroups,
        logs=config.logs,
        node=_node_facts(config, runtime.info.features, unified=cgroups.unified),
        volumes=Volumes(await _volume_node(config, runtime), api.tokens if api else NoTokens()),
        objects=api.objects if api else NoObjects(),
        termination=TerminationFiles(config.state),
        facts=_facts(config, api),
        tell=tell,
    )


def _node_facts(config: AgentConfig, features: Features, *, unified: bool) -> NodeFacts:
    return NodeFacts(
        config.node_name,
        config.logs,
        config.cgroup_root,
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        unified,
        dns=_resolv_conf(config.resolv_conf),
        cluster_dns=config.api.cluster_dns if config.api else (),
        cluster_domain=config.api.cluster_domain if config.api else "cluster.local",
        security=SecurityNode(
            config.state / "seccomp",
            unsafe_sysctls=config.unsafe_sysctls,
            apparmor=has_apparmor(_SYS),
            selinux=has_selinux(_SYS),
            strict_groups=features.supplemental_groups_policy,
        ),
    )


def preview(config: AgentConfig) -> Preview:
    """What tells, without a runtime, what this node would do for a pod."""
    node = _node_facts(config, Features(), unified=open_cgroups(config.cgroup_mount).unified)
    return Preview(node, config.state, (config.address,) if config.address else ())


async def _volume_node(config: AgentConfig, runtime: Runtime) -> VolumeNode:
    status = await runtime.status()
    return VolumeNode(
        config.state,
        cluster_domain=config.api.cluster_domain if config.api else "cluster.local",
        handlers={handler.name: handler for handler in status.handlers},
        image_volumes=_version(runtime) >= (2, 1),
        mount_options=runtime.info.features.mount_options,
        selinux=has_selinux(_SYS),
    )


def _version(runtime: Runtime) -> tuple[int, int]:
    """Of containerd, the first that mounts images being 2.1; (0, 0) for a version that is none."""
    parts = runtime.info.version.removeprefix("v").split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 and all(map(str.isdigit, parts[:2])) else (0, 0)


def _resolv_conf(path: Path) -> DnsConfig:
    try:
        return parse_resolv_conf(path.read_text(errors="replace"))
    except OSError:
        return DnsConfig()


def _facts(config: AgentConfig, api: ApiSide | None) -> Callable[[tuple[str, ...]], PodFacts]:
    """With an API server the node's labels and amounts are what it says there, else what the machine has."""
    host_ips = (config.address,) if config.address else ()
    own = allocatable(
        capacity(read_machine(Roots()), read_disk(_existing(config.state)), config.node), config.node
    )

    def facts(pod_ips: tuple[str, ...]) -> PodFacts:
        if api is None:
            return PodFacts(pod_ips, host_ips, config.node_name, own, dict(config.node.labels))
        return PodFacts(pod_ips, host_ips, config.node_name, api.node.allocatable, api.node.labels)

    return facts


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
