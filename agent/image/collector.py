# SPDX-License-Identifier: Apache-2.0
"""Looks at the images every few minutes and removes what `gc.plan_gc` says."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from agent.errors import AgentError
from agent.image.gc import Disk, GcPolicy, Seen, is_used, look_at, plan_gc, to_free
from cri import CriError
from cri.model import Container, Image, ImageFsInfo, RuntimeStatus

log = logging.getLogger("orlop.agent")

SECONDS = 300.0
"""Between two looks; the kubelet's."""


class ImageStore(Protocol):
    """What the collector needs of a runtime (cri.Runtime has it)."""

    async def list_images(self) -> tuple[Image, ...]:
        """Every image on the node."""

    async def list_containers(self) -> tuple[Container, ...]:
        """Every container, dead ones too: their images are in use."""

    async def image_fs_info(self) -> ImageFsInfo:
        """Where images are stored."""

    async def remove_image(self, image: str, *, about: str = "") -> None:
        """Remove one by its id."""

    async def status(self, *, verbose: bool = False) -> RuntimeStatus:
        """With verbose its configuration, which names the sandbox's image."""


class ImageCollector:
    """Garbage collection of images. `wanted` gives the names that pods of this node refer to, and pulls under way."""

    def __init__(
        self,
        runtime: ImageStore,
        policy: GcPolicy,
        wanted: Callable[[], Iterable[str]],
        *,
        warn: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
        measure: Callable[[str], Disk] | None = None,
    ) -> None:
        """Warn gets reason and message of a Warning Event about the node; measure asks for the disk of a folder."""
        self._runtime = runtime
        self._policy = policy
        self._wanted = wanted
        self._warn = warn
        self._clock = clock
        self._measure = measure or measure_disk
        self._seen: dict[str, Seen] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.collect()
            except (CriError, AgentError, OSError) as error:
                log.warning("cannot collect images; tried again in %g s: %s", SECONDS, error)
                self._warn("ImageGCFailed", str(error))
            await asyncio.sleep(SECONDS)

    async def collect(self) -> tuple[Image, ...]:
        """One look: note what is used, remove what must go. Gives what was removed."""
        images = await self._runtime.list_images()
        used = await self._in_use(images)
        now = self._clock()
        self._seen = look_at(self._seen, images, used, now)
        disk = await self._disk()
        going = plan_gc(images, self._seen, disk, self._policy, now)
        removed = [image for image in going if await self._remove(image)]
        self._check_enough(disk, sum(image.size for image in removed))
        return tuple(removed)

    async def _in_use(self, images: Iterable[Image]) -> set[str]:
        containers = await self._runtime.list_containers()
        names = {await self._sandbox_image(), *self._wanted()}
        names |= {name for c in containers for name in (c.image, c.image_ref, c.image_id)}
        names.discard("")
        return {image.id for image in images if is_used(image, names)}

    async def _sandbox_image(self) -> str:
        """The name of pause, which containerd tells in its configuration; newer ones pin it as well."""
        text = (await self._runtime.status(verbose=True)).info.get("config", "")
        try:
            config = msgspec.json.decode(text or "{}")
        except msgspec.DecodeError:
            return ""
        return str(config.get("sandboxImage", "")) if isinstance(config, dict) else ""

    async def _disk(self) -> Disk:
        info = await self._runtime.image_fs_info()
        if not info.images:
            raise AgentError("the runtime does not say where images are stored")
        return await asyncio.to_thread(self._measure, info.images[0].mountpoint)

    async def _remove(self, image: Image) -> bool:
        name = next(iter((*image.tags, *image.digests)), image.id)
        if is_used(image, set(self._wanted())):
            return False
        try:
            await self._runtime.remove_image(image.id)
        except CriError as error:
            log.warning("cannot remove image %s: %s", name, error)
            return False
        log.info("image %s was removed: %d bytes", name, image.size)
        return True

    def _check_enough(self, disk: Disk, freed: int) -> None:
        needed = to_free(disk, self._policy)
        if freed < needed:
            text = f"Failed to garbage collect required amount of images. Attempted to free {needed} bytes, but only "
            self._warn("FreeDiskSpaceFailed", f"{text}found {freed} bytes eligible to free.")


def measure_disk(folder: str) -> Disk:
    """The file system that a folder is on. Raises OSError."""
    stat = os.statvfs(folder)
    return Disk(stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize)
