# SPDX-License-Identifier: Apache-2.0
"""Keeps the Node object: registers it, and writes its status when it changed and now and then."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lightkube.models import core_v1

from agent.node.capacity import Resources, allocatable, capacity
from agent.node.conditions import (
    PRESSURES,
    Condition,
    PressureMemory,
    Sample,
    pressures,
    readiness,
    short_of,
)
from agent.node.config import NodeSettings
from agent.node.fit import NodeView
from agent.node.machine import Machine, Roots, read_disk, read_machine, read_pressure
from agent.node.register import register
from agent.node.report import Facts, Identity, labels_of, new_node, node_status
from agent.node.status_patch import difference, with_extended
from cri import CriError, Runtime
from cri.model import Image, RuntimeStatus
from kube.client import Client, PatchType
from kube.errors import ApiStatusError, UnreachableError
from kube.informer import Informer
from kube.kinds import NODES
from kube.quantity import parse
from kube.strict import decode

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]

# While the node is not ready it is looked at this often (seconds): the runtime tells nobody when its network is there.
_SOON: Final = 0.5
_DEADLINE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pods' files are, and where the kernel tells about itself. Where images are, the runtime says."""

    nodefs: Path
    roots: Roots = field(default_factory=Roots)


class NodeKeeper:
    """One node. Reading needs no API server; run() does the writing."""

    def __init__(self, client: Client, identity: Identity, settings: NodeSettings, places: Places) -> None:
        """on_registered: called with the Node's uid, each time that it is another one. known: it was read once."""
        self.on_registered: list[Callable[[str], None]] = []
        self.known = asyncio.Event()
        self._client, self._identity, self._settings, self._places = client, identity, settings, places
        self._informer = Informer(client, NODES, fields=f"metadata.name={identity.name}")
        self._informer.add_handler(self._changed)
        self._machine: Machine = read_machine(places.roots)
        self._memory: PressureMemory | None = None
        self._runtime: Runtime | None = None
        self._images: tuple[Image, ...] = ()
        self._imagefs = places.nodefs
        self._wake = asyncio.Event()
        self._shutting_down = False
        self._reported = float("-inf")
        self._uid = ""

    @property
    def node(self) -> Json | None:
        """The Node object as last seen."""
        return self._informer.get(self._identity.name)

    @property
    def labels(self) -> Mapping[str, str]:
        """The node's labels: as the API server has them, or those that it registers with."""
        if self.node is not None:
            return self.node["metadata"].get("labels") or {}
        return labels_of(self._identity, self._machine, self._settings)

    @property
    def allocatable(self) -> Resources:
        """What pods may ask for, extended resources included."""
        told = ((self.node or {}).get("status") or {}).get("allocatable") or {}
        return {**{name: parse(amount) for name, amount in told.items()}, **self._allocatable()}

    def view(self) -> NodeView:
        """The node as admission looks at it."""
        node = self.node or {}
        taints = (node.get("spec") or {}).get("taints") or ()
        told = (node.get("status") or {}).get("conditions") or ()
        return NodeView(
            name=self._identity.name,
            labels=self.labels,
            taints=tuple(decode(core_v1.Taint, taint).best_effort for taint in taints),
            allocatable=self.allocatable,
            pressures=frozenset(
                each["type"] for each in told if each["status"] == "True" and each["type"] in PRESSURES
            ),
            is_shutting_down=self._shutting_down,
        )

    def connect(self, runtime: Runtime) -> None:
        """The runtime answers: until then the node's readiness is not spoken of."""
        self._runtime = runtime
        self.wake()

    def shut_down(self) -> None:
        """The machine goes down: the node is not ready any more."""
        self._shutting_down = True
        self.wake()

    def wake(self) -> None:
        """Something may have changed: look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Register, follow the object, and keep its status, until cancelled."""
        async with asyncio.TaskGroup() as group:
            await self._register()
            group.create_task(self._informer.run(), name="node object")
            group.create_task(self._keep(), name="node status")

    async def _register(self) -> None:
        node = await register(
            self._client,
            lambda: new_node(self._identity, self._machine, self._settings, self._first_status()),
        )
        self._informer.observe(node)

    def _first_status(self) -> Json:
        """Without conditions, before anything is known: nobody schedules to a node that does not say it is ready."""
        whole = self._capacity()
        facts = Facts(self._machine, whole, allocatable(whole, self._settings), (), None)
        return {name: value for name, value in node_status(self._identity, facts).items() if value}

    def _changed(self, old: Json | None, new: Json | None) -> None:
        if new is None:
            # Whoever wants a node to be gone stops it; anything else is cured by registering again.
            self._uid = ""
            self.wake()
        elif (uid := new["metadata"]["uid"]) != self._uid:
            self._uid = uid
            self.known.set()
            for tell in self.on_registered:
                tell(uid)
        before, after = (((each or {}).get("status") or {}).get("capacity") for each in (old, new))
        if before != after:
            self.wake()

    async def _keep(self) -> None:
        await self._informer.synced.wait()
        while True:
            self._wake.clear()
            pause = _SOON
            try:
                pause = await self._look()
            except (ApiStatusError, UnreachableError, CriError, OSError) as error:
                log.warning("cannot write the status of node %s: %s", self._identity.name, error)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _look(self) -> float:
        """One round; the seconds until the next one."""
        if self.node is None:
            await self._register()
        if self._runtime is None:
            return self._settings.look_seconds
        status, trouble = await self._ask(self._runtime)
        conditions = await asyncio.to_thread(self._conditions)
        ready = readiness(status, trouble, shutting_down=self._shutting_down)
        whole = self._capacity()
        facts = Facts(
            machine=self._machine,
            capacity=whole,
            allocatable=allocatable(whole, self._settings),
            conditions=(*conditions, ready),
            runtime=self._runtime.info,
            handlers=status.handlers if status else (),
            images=self._images,
        )
        await self._write(node_status(self._identity, facts))
        return self._settings.look_seconds if ready.is_true else _SOON

    async def _ask(self, runtime: Runtime) -> tuple[RuntimeStatus | None, str]:
        try:
            async with asyncio.timeout(_DEADLINE):
                status = await runtime.status(about=f"node {self._identity.name}")
                self._images = await runtime.list_images()
                if self._imagefs == self._places.nodefs:
                    self._imagefs = await _image_folder(runtime, self._imagefs)
        except CriError as error:
            return None, error.detail
        except TimeoutError:
            return None, f"no answer within {_DEADLINE:g} s"
        return status, ""

    def _conditions(self) -> tuple[Condition, ...]:
        places = self._places
        sample = Sample(
            self._machine, read_pressure(places.roots), read_disk(places.nodefs), read_disk(self._imagefs)
        )
        now = time.monotonic()
        if self._memory is None:
            told = ((self.node or {}).get("status") or {}).get("conditions") or ()
            true = {
                each["type"]: now for each in told if each["status"] == "True" and each["type"] != "Ready"
            }
            self._memory = PressureMemory(true)
        found = short_of(sample, self._settings)
        return pressures(self._memory.hold(found, now, self._settings.pressure_seconds))

    async def _write(self, wanted: Json) -> None:
        current = (self.node or {}).get("status") or {}
        due = time.monotonic() >= self._reported + self._settings.report_seconds
        patch = difference(current, with_extended(wanted, current), datetime.now(UTC), heartbeat=due)
        if not patch:
            return
        answer = await self._client.patch(
            NODES,
            self._identity.name,
            {"status": patch},
            type=PatchType.STRATEGIC,
            subresource="status",
        )
        if "conditions" in patch:
            self._reported = time.monotonic()
        self._informer.observe(answer)

    def _capacity(self) -> Resources:
        return capacity(self._machine, read_disk(self._places.nodefs), self._settings)

    def _allocatable(self) -> Resources:
        return allocatable(self._capacity(), self._settings)


async def _image_folder(runtime: Runtime, default: Path) -> Path:
    found = (await runtime.image_fs_info()).images
    return Path(found[0].mountpoint) if found and found[0].mountpoint else default
