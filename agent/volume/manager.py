# SPDX-License-Identifier: Apache-2.0
"""The volumes of all pods of a node: made, kept current, mounted, removed. What is true is what is on disk."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from agent.errors import AgentError
from agent.objects.model import Objects
from agent.objects.tokens import Tokens
from agent.pod.env_file import LARGEST
from agent.pod.facts import PodFacts
from agent.sources.model import DesiredPod
from agent.volume.apply import apply_nfs
from agent.volume.errors import VolumeError
from agent.volume.hosts import hosts_mount, write_hosts
from agent.volume.model import VolumePlan
from agent.volume.mountinfo import umount_below
from agent.volume.mounts import PlannedMount, make_sub_paths, plan_mounts, with_users
from agent.volume.node import VolumeNode
from agent.volume.paths import PodFolders, pod_uids
from agent.volume.plan import Inputs
from agent.volume.reading import read_inside
from agent.volume.remove import remove_tree
from agent.volume.rotation import Rotation
from agent.volume.sources import AnyContainer, containers_of, used_volumes, volume_path
from agent.volume.usage import Excess, excess, limited
from agent.volume.work import (
    Problems,
    make_pod_volumes,
    plan_pod_volumes,
    raise_problems,
    rewrite_pod_volumes,
)
from cri.model import Mount, UserNamespace

# A server of NFS that hangs takes a thread each time; the rest of the agent has its own.
_THREADS: Final = 8

T = TypeVar("T")


class Volumes:
    """Makes, updates, mounts and removes; one for the whole node. Pods are worked on side by side, each alone."""

    def __init__(self, node: VolumeNode, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        """node.root is where pods/ is; clock gives seconds since the epoch."""
        self._node = replace(node, root=node.root.resolve())
        self._rotation = Rotation(tokens, clock)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="volume")
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def prepare(self, desired: DesiredPod, facts: PodFacts, objects: Objects) -> None:
        """Have all volumes of the pod that its containers use. Idempotent.

        A volume that is complete already serves on when what it refers to cannot be read. Raises VolumeError with the
        kubelet's text and the cause of every volume that cannot be made.
        """
        async with self._locks[desired.uid]:
            folders, pod = self._folders(desired.uid), desired.pod
            tokens, failed = await self._rotation.current(desired, folders)
            inputs = Inputs(pod, folders, facts, objects, self._node, tokens)
            problems: Problems = {}
            plans = await self._run(lambda: _plan_and_make(inputs, failed, problems))
            for plan in plans:
                await self._mount_nfs(plan, problems)
        raise_problems(problems)

    async def refresh(self, desired: DesiredPod, facts: PodFacts, objects: Objects) -> None:
        """Bring the content of the pod's complete volumes up to date, each in one step.

        Raises VolumeError for what cannot be; such a volume keeps the content that it has.
        """
        async with self._locks[desired.uid]:
            folders = self._folders(desired.uid)
            tokens, failed = await self._rotation.current(desired, folders)
            inputs = Inputs(desired.pod, folders, facts, objects, self._node, tokens)
            problems: Problems = dict(failed)
            await self._run(lambda: rewrite_pod_volumes(inputs, problems))
        raise_problems(problems)

    def mounts(
        self,
        desired: DesiredPod,
        container: AnyContainer,
        facts: PodFacts,
        env: Sequence[tuple[str, str]] = (),
        *,
        handler: str = "",
        user: UserNamespace | None = None,
    ) -> tuple[Mount, ...]:
        """What the container gets: its volumes and /etc/hosts; after prepare, and before each start of the container.

        It blocks for some system calls. env is what subPathExpr may use, handler the pod's runtime handler, user its
        user namespace. Raises ConfigError.
        """
        folders = self._folders(desired.uid)
        planned = self._planned(desired, container, env, handler)
        make_sub_paths(planned, container.name)
        made = [each.mount for each in planned]
        if hosts := hosts_mount(desired.pod, container, folders, self._node, facts):
            write_hosts(desired.pod, folders, self._node, facts)
            made.append(hosts)
        return tuple(with_users(mount, user) for mount in made)

    def describe(
        self,
        desired: DesiredPod,
        facts: PodFacts,
        objects: Objects,
        envs: Mapping[str, Sequence[tuple[str, str]]],
        *,
        handler: str = "",
    ) -> tuple[str, ...]:
        """What prepare and mounts would do, a line an operation, without doing it; problems have their lines too.

        envs is each container's environment by its name.
        """
        folders = self._folders(desired.uid)
        needs = self._rotation.needs(desired, folders)
        inputs = Inputs(desired.pod, folders, facts, objects, self._node, dict.fromkeys(needs, b""))
        problems: Problems = {}
        lines = [line for plan in plan_pod_volumes(inputs, {}, problems) for line in plan.describe()]
        lines += [f"volume {name}: {error}" for name, error in problems.items()]
        for container in containers_of(desired.pod):
            try:
                planned = self._planned(desired, container, envs.get(container.name, ()), handler)
                lines += [f"container {container.name}: {each.describe()}" for each in planned]
            except AgentError as error:
                lines.append(f"container {container.name}: {error}")
        return tuple(lines)

    def read_file(self, desired: DesiredPod, volume: str, path: str) -> bytes:
        """What a container wrote into a file of a volume (fileKeyRef), one byte more than it may be at most.

        Raises OSError.
        """
        for each in used_volumes(desired.pod):
            if each.name == volume:
                return read_inside(volume_path(self._folders(desired.uid), each), path, LARGEST + 1)
        raise FileNotFoundError(2, "the pod has no such volume", volume)

    async def over_limit(self, desired: DesiredPod) -> tuple[Excess, ...]:
        """The emptyDirs on disk that hold more than their sizeLimit, measured now. The pod has to be evicted."""
        folders = self._folders(desired.uid)
        volumes = {volume.name: volume for volume in used_volumes(desired.pod)}
        bounds = limited(volumes.values())
        if not bounds:
            return ()
        measured = await self._run(
            lambda: [excess(name, volume_path(folders, volumes[name]), limit) for name, limit in bounds]
        )
        return tuple(each for each in measured if each)

    async def teardown(self, uid: str) -> None:
        """Unmount and remove everything of a pod, from the disk alone. Idempotent; raises VolumeError."""
        async with self._locks[uid]:
            folder = self._folders(uid).pod
            await self._run(lambda: _remove(folder))
        self._rotation.forget(uid)
        self._locks.pop(uid, None)

    def uids(self) -> frozenset[str]:
        """The pods that have something on disk."""
        return pod_uids(self._node.root)

    def next_refresh(self, desired: DesiredPod) -> float | None:
        """When a token has to be renewed (seconds since the epoch); None for a pod without tokens."""
        return self._rotation.next_refresh(desired, self._folders(desired.uid))

    def close(self) -> None:
        """Take no more work; what hangs in a system call is left to the kernel."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _folders(self, uid: str) -> PodFolders:
        return PodFolders(self._node.root, uid)

    def _planned(
        self, desired: DesiredPod, container: AnyContainer, env: Iterable[tuple[str, str]], handler: str
    ) -> tuple[PlannedMount, ...]:
        return plan_mounts(desired.pod, container, self._folders(desired.uid), self._node, dict(env), handler)

    async def _mount_nfs(self, plan: VolumePlan, problems: Problems) -> None:
        if plan.volume in problems:
            return
        try:
            await apply_nfs(plan.operations, self._node.nfs_helper)
        except (AgentError, OSError) as error:
            problems[plan.volume] = error

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _plan_and_make(inputs: Inputs, failed: Mapping[str, VolumeError], problems: Problems) -> list[VolumePlan]:
    plans = plan_pod_volumes(inputs, failed, problems)
    make_pod_volumes(inputs.folders, plans, problems)
    return plans


def _remove(folder: Path) -> None:
    umount_below(folder)
    remove_tree(folder)
