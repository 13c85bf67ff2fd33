# SPDX-License-Identifier: Apache-2.0
"""Have an image on the node: by pull policy, with the kubelet's back-off, reasons and words.

Pods that want the same image with the same credentials at once share one pull. Back-off is kept for each image and
owner (a pod's uid): a pod that is made anew after its image was mended is not held back by the old one's failures.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightkube.models import core_v1

from agent.image import notes
from agent.image.credentials import Credentials
from agent.image.keyring import Credential
from agent.image.model import EnsuredImage, ImageError, ImageNote, PullBackoff, Tell
from cri import CriError, Runtime
from cri.model import Auth, Image
from kube.errors import ImageReferenceError
from kube.images import parse_image, pull_policy

__all__ = ["EnsuredImage", "ImageError", "ImagePuller", "PullBackoff"]

# What a runtime may put in front of an error to say what is wrong (CRI, errors.go of cri-api).
_RUNTIME_REASONS = ("RegistryUnavailable", "SignatureValidationFailed")
# How long a failed pull is shown as such, in seconds, before it is shown as one that waits.
SHOWN_FOR = 2.0


@dataclass(frozen=True, slots=True)
class _Failed:
    reason: str
    message: str
    delay: float
    retry_at: float


@dataclass(frozen=True, slots=True)
class _Pulled:
    image: Image
    took: float
    waited: float


def _say_nothing(_note: ImageNote) -> None:
    """For callers that tell nobody."""


class ImagePuller:
    """Makes images present."""

    def __init__(
        self,
        runtime: Runtime,
        backoff: PullBackoff,
        clock: Callable[[], float],
        *,
        credentials: Credentials | None = None,
        parallel: int = 4,
    ) -> None:
        """Pull through this runtime, at most so many at once; clock gives seconds since the epoch."""
        self._runtime = runtime
        self._backoff = backoff
        self._clock = clock
        self._credentials = credentials or Credentials()
        self._places = asyncio.Semaphore(parallel)
        self._pulls: dict[tuple[object, ...], asyncio.Task[_Pulled]] = {}
        self._failed: dict[tuple[str, str], _Failed] = {}

    @property
    def pulling(self) -> frozenset[str]:
        """The images that are being pulled now, which nobody may remove."""
        return frozenset(str(key[0]) for key in self._pulls)

    async def ensure(
        self,
        image: str,
        policy: str,
        about: str,
        *,
        secrets: Sequence[core_v1.Secret] = (),
        owner: str = "",
        tell: Tell = _say_nothing,
    ) -> EnsuredImage:
        """Have the image on the node by this imagePullPolicy ("": by its tag). Raises ImageError.

        secrets are those that imagePullSecrets name, owner is the pod's uid, tell gets what Events say.
        """
        self._check_name(image)
        policy = policy or pull_policy(image)
        found = await self._look(image, about)
        if found is not None and policy != "Always":
            tell(notes.present(image))
            return EnsuredImage(found.id, found.size, pulled=False)
        if policy == "Never":
            text = f'Container image "{image}" is not present with pull policy of Never'
            tell(ImageNote("Warning", "ErrImageNeverPull", text))
            raise ImageError("ErrImageNeverPull", text, self._clock() + self._backoff.initial)
        self._refuse_early(image, owner, tell)
        tell(notes.pulling(image))
        return await self._share(image, about, tuple(secrets), owner, tell)

    def _check_name(self, image: str) -> None:
        try:
            parse_image(image)
        except ImageReferenceError as error:
            text = (
                f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {error}'
            )
            raise ImageError("InvalidImageName", text, self._clock() + self._backoff.maximum) from error

    async def _look(self, image: str, about: str) -> Image | None:
        try:
            return await self._runtime.image_status(image, about=about)
        except CriError as error:
            text = f'Failed to inspect image "{image}": {error.detail}'
            raise ImageError("ImageInspectError", text, self._clock() + self._backoff.initial) from error

    def _refuse_early(self, image: str, owner: str, tell: Tell) -> None:
        failed = self._failed.get((image, owner))
        if failed and failed.retry_at > self._clock():
            tell(notes.backing_off(image))
            text = f'Back-off pulling image "{image}": {failed.reason}: {failed.message}'
            raise ImageError("ImagePullBackOff", text, failed.retry_at)

    async def _share(
        self, image: str, about: str, secrets: tuple[core_v1.Secret, ...], owner: str, tell: Tell
    ) -> EnsuredImage:
        credentials = await self._credentials.lookup(image, secrets)
        key = (image, credentials)
        task = self._pulls.get(key)
        if task is None:
            task = asyncio.create_task(self._pull(image, about, credentials), name=f"pull {image}")
            self._pulls[key] = task
            task.add_done_callback(lambda task: self._ended(key, task))
        try:
            pulled = await asyncio.shield(task)
        except CriError as error:
            tell(notes.failed(image, error.detail))
            raise self._note_failure(image, owner, error) from error
        self._failed.pop((image, owner), None)
        tell(notes.pulled(image, pulled.took, pulled.waited, pulled.image.size))
        return EnsuredImage(pulled.image.id, pulled.image.size, pulled=True)

    def _ended(self, key: tuple[object, ...], task: "asyncio.Task[_Pulled]") -> None:
        self._pulls.pop(key, None)
        if not task.cancelled():
            # Everybody who waited may be gone; then nobody else reads it.
            task.exception()

    async def _pull(self, image: str, about: str, credentials: Sequence[Credential]) -> _Pulled:
        asked = time.monotonic()
        async with self._places:
            began = time.monotonic()
            reference = await self._try_all(image, about, credentials)
            found = await self._runtime.image_status(image, about=about)
        ended = time.monotonic()
        return _Pulled(found or Image(reference, (), (), 0), ended - began, ended - asked)

    async def _try_all(self, image: str, about: str, credentials: Sequence[Credential]) -> str:
        """With each credential in turn until one is taken; the last one's error when none is."""
        auths = [_auth(credential) for credential in credentials]
        for auth in auths[:-1]:
            try:
                return await self._runtime.pull_image(image, auth=auth, about=about)
            except CriError:
                continue
        return await self._runtime.pull_image(image, auth=auths[-1] if auths else None, about=about)

    def _note_failure(self, image: str, owner: str, error: CriError) -> ImageError:
        now = self._clock()
        # What has not failed for long begins anew, and takes no memory.
        long_ago = now - 2 * self._backoff.maximum
        self._failed = {key: failed for key, failed in self._failed.items() if failed.retry_at > long_ago}
        before = self._failed.get((image, owner))
        delay = min(before.delay * 2, self._backoff.maximum) if before else self._backoff.initial
        reason = next((each for each in _RUNTIME_REASONS if error.detail.startswith(each)), "ErrImagePull")
        self._failed[image, owner] = failed = _Failed(reason, str(error), delay, now + delay)
        # Asked again soon, the answer is ImagePullBackOff: people are shown the one, then the other.
        return ImageError(reason, failed.message, now + min(delay, SHOWN_FOR))


def _auth(credential: Credential) -> Auth:
    return Auth(
        username=credential.username,
        password=credential.password,
        identity_token=credential.identity_token,
        registry_token=credential.registry_token,
    )
