# SPDX-License-Identifier: Apache-2.0
"""The tokens of a pod's volumes: those on disk while they are good, new ones in time."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.cgroup.resources import spec_of
from agent.objects.model import ObjectError
from agent.objects.tokens import Tokens
from agent.sources.model import DesiredPod
from agent.volume.errors import VolumeError
from agent.volume.paths import PodFolders
from agent.volume.sources import used_volumes, volume_path
from agent.volume.token import HeldToken, TokenNeed, held_token, token_needs

log = logging.getLogger("orlop.agent")

RETRY: Final = 30.0
"""Seconds until a token that could not be renewed is asked for again."""


@dataclass(slots=True)
class Rotation:
    """Asks for tokens when the ones on disk get old; clock gives seconds since the epoch."""

    tokens: Tokens
    clock: Callable[[], float]
    _retry_at: dict[str, float] = field(default_factory=dict)

    async def current(
        self, desired: DesiredPod, folders: PodFolders
    ) -> tuple[Mapping[TokenNeed, bytes], Mapping[str, VolumeError]]:
        """A token for each need, and by volume why there is none. An old one goes on as long as it is good."""
        found: dict[TokenNeed, bytes] = {}
        failed: dict[str, VolumeError] = {}
        self._retry_at.pop(desired.uid, None)
        for need, held in _held(desired, folders):
            try:
                found[need] = await self._token(desired, need, held)
            except ObjectError as error:
                failed[need.volume] = VolumeError(str(error))
        return found, failed

    def next_refresh(self, desired: DesiredPod, folders: PodFolders) -> float | None:
        """When the first token has to be renewed, or tried again; None for a pod without tokens."""
        times = [held.renew_at for _, held in _held(desired, folders) if held]
        soonest = min(times, default=None)
        if soonest is None:
            return None
        return max(soonest, self._retry_at.get(desired.uid, 0.0))

    def needs(self, desired: DesiredPod, folders: PodFolders) -> tuple[TokenNeed, ...]:
        """What tokens the pod's volumes have."""
        return tuple(need for need, _ in _held(desired, folders))

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._retry_at.pop(uid, None)

    async def _token(self, desired: DesiredPod, need: TokenNeed, held: HeldToken | None) -> bytes:
        if held and held.renew_at > self.clock():
            return held.text
        try:
            text = (await self._ask(desired, need)).encode()
        except ObjectError as error:
            self._retry_at[desired.uid] = self.clock() + RETRY
            if held is None or held.expires_at <= self.clock():
                raise
            log.warning("pod %s: the token at %s stays for now: %s", desired.key, need.path, error)
            return held.text
        if held and held.text == text:
            self._retry_at[desired.uid] = self.clock() + RETRY
        return text

    async def _ask(self, desired: DesiredPod, need: TokenNeed) -> str:
        account = spec_of(desired.pod).serviceAccountName or "default"
        audiences = (need.audience,) if need.audience else ()
        key = desired.key
        token = await self.tokens.request(
            key.namespace, account, audiences, need.seconds, key.name, desired.uid
        )
        return token.text


def _held(desired: DesiredPod, folders: PodFolders) -> Iterable[tuple[TokenNeed, HeldToken | None]]:
    volumes = {volume.name: volume for volume in used_volumes(desired.pod)}
    for need in token_needs(desired.pod, frozenset(volumes)):
        yield need, held_token(volume_path(folders, volumes[need.volume]), need)
