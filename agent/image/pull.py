# SPDX-License-Identifier: Apache-2.0
"""Have an image on the node: by pull policy, one pull at a time for each image, with the kubelet's back-off."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import OperationError
from cri import CriError, Runtime


@dataclass(frozen=True, slots=True)
class PullBackoff:
    """Delays after failed pulls of one image, in seconds: initial, doubling up to maximum."""

    initial: float = 10
    maximum: float = 300


@dataclass(frozen=True, slots=True)
class _Failed:
    message: str
    delay: float
    retry_at: float


class ImageError(OperationError):
    """An image is not there and will not be before retry_at (seconds since the epoch)."""

    def __init__(self, reason: str, message: str, retry_at: float) -> None:
        """Keep when it is worth trying again."""
        super().__init__(reason, message)
        self.retry_at = retry_at


class ImagePuller:
    """Makes images present; pods that want the same image at once share one pull."""

    def __init__(self, runtime: Runtime, backoff: PullBackoff, clock: Callable[[], float]) -> None:
        """Pull through this runtime; clock gives seconds since the epoch."""
        self._runtime = runtime
        self._backoff = backoff
        self._clock = clock
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, _Failed] = {}

    async def ensure(self, image: str, policy: str, about: str) -> bool:
        """Have the image on the node by this imagePullPolicy; True if it had to be pulled. Raises ImageError."""
        if policy != "Always" and await self._is_present(image):
            return False
        if policy == "Never":
            text = f"image {image} is not on the node and imagePullPolicy is Never: load it, or allow a pull"
            raise ImageError("ErrImageNeverPull", text, self._clock() + self._backoff.initial)
        self._refuse_early(image)
        await asyncio.shield(self._shared_pull(image, about))
        return True

    async def _is_present(self, image: str) -> bool:
        return await self._runtime.image_status(image) is not None

    def _refuse_early(self, image: str) -> None:
        failed = self._failed.get(image)
        if failed and failed.retry_at > self._clock():
            text = f"back-off {failed.delay:g}s pulling image {image}: {failed.message}"
            raise ImageError("ImagePullBackOff", text, failed.retry_at)

    def _shared_pull(self, image: str, about: str) -> asyncio.Task[None]:
        task = self._pulls.get(image)
        if task is None:
            task = asyncio.create_task(self._pull(image, about), name=f"pull {image}")
            self._pulls[image] = task
            task.add_done_callback(lambda _: self._pulls.pop(image, None))
        return task

    async def _pull(self, image: str, about: str) -> None:
        try:
            await self._runtime.pull_image(image, about=about)
        except CriError as error:
            raise self._note_failure(image, str(error)) from error
        self._failed.pop(image, None)

    def _note_failure(self, image: str, message: str) -> ImageError:
        before = self._failed.get(image)
        delay = min(before.delay * 2, self._backoff.maximum) if before else self._backoff.initial
        failed = _Failed(message, delay, self._clock() + delay)
        self._failed[image] = failed
        return ImageError("ErrImagePull", message, failed.retry_at)
