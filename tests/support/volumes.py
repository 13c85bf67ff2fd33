# SPDX-License-Identifier: Apache-2.0
"""Pods with volumes, and a manager of volumes below a folder of the test."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightkube.models import core_v1

from agent.pod.facts import PodFacts
from agent.sources.model import DesiredPod, PodKey
from agent.volume.manager import Volumes
from agent.volume.node import VolumeNode
from cri.model import Mount
from kube.defaults import pod_with_defaults
from kube.quantity import parse
from tests.support.held_objects import HeldObjects, HeldTokens

UID = "0b0c9d3e-7f0a-4a37-9a54-6f1d3f1f0c11"
FACTS = PodFacts(
    pod_ips=("10.244.1.7",),
    host_ips=("192.0.2.1",),
    node_name="node1",
    allocatable={"cpu": parse("2"), "memory": parse("1Gi")},
    node_labels={"kubernetes.io/hostname": "node1"},
)


def pod_with(
    volumes: list[dict[str, Any]] | None = None,
    mounts: list[dict[str, Any]] | None = None,
    *,
    container: dict[str, Any] | None = None,
    uid: str = UID,
    **spec: Any,
) -> DesiredPod:
    """A pod of one container, which mounts every volume at /NAME unless mounts says otherwise."""
    made = volumes or []
    default = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in made]
    app = {
        "name": "app",
        "image": "x",
        "volumeMounts": default if mounts is None else mounts,
        **(container or {}),
    }
    model = core_v1.Pod.from_dict(
        {
            "metadata": {"name": "web", "namespace": "default", "uid": uid, "labels": {"app": "web"}},
            "spec": {"containers": [app], "volumes": made, "serviceAccountName": "builder", **spec},
        }
    )
    assert isinstance(model, core_v1.Pod)
    return DesiredPod(PodKey("default", "web"), uid, pod_with_defaults(model), "web.yaml:1")


@dataclass
class Kit:
    """Volumes below a folder, with objects and tokens that the test decides on, and a clock."""

    root: Path
    objects: HeldObjects = field(default_factory=HeldObjects)
    tokens: HeldTokens = field(default_factory=HeldTokens)
    facts: PodFacts = FACTS
    node: dict[str, Any] = field(default_factory=dict)
    now: float = 1_000_000

    def __post_init__(self) -> None:
        node = VolumeNode(self.root, **self.node)
        self.volumes = Volumes(node, self.tokens, lambda: self.now)

    def prepare(self, desired: DesiredPod) -> None:
        self.run(lambda: self.volumes.prepare(desired, self.facts, self.objects))

    def refresh(self, desired: DesiredPod) -> None:
        self.run(lambda: self.volumes.refresh(desired, self.facts, self.objects))

    def teardown(self, uid: str = UID) -> None:
        self.run(lambda: self.volumes.teardown(uid))

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run(work())

    def mounts(
        self, desired: DesiredPod, env: tuple[tuple[str, str], ...] = (), **more: Any
    ) -> dict[str, Mount]:
        """The container's mounts by their place."""
        assert desired.pod.spec is not None
        made = self.volumes.mounts(desired, desired.pod.spec.containers[0], self.facts, env, **more)
        return {mount.container_path: mount for mount in made}

    def place(self, desired: DesiredPod, where: str) -> Path:
        """The folder or file of the node that the container finds there."""
        return Path(self.mounts(desired)[where].host_path)


def files(folder: Path) -> dict[str, str]:
    """What a container reads below a folder, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if (
            not path.name.startswith("..")
            and path.is_file()
            and ".." not in str(path.relative_to(folder))[:2]
        ):
            found[str(path.relative_to(folder))] = path.read_bytes().decode("latin-1")
    for path in folder.iterdir():
        if path.is_symlink() and path.is_dir() and not path.name.startswith(".."):
            found |= {f"{path.name}/{name}": text for name, text in files(path).items()}
    return found


def mode(path: Path) -> int:
    """The permission bits of what path leads to."""
    return path.stat().st_mode & 0o7777
