# SPDX-License-Identifier: Apache-2.0
"""One object that is kept up to date: by a watch for its name alone, or by reading it again and again."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from agent.objects.kinds import KINDS, ONLY_READ
from agent.objects.model import Ref
from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.informer import Informer
from kube.workqueue import Backoff

Json = dict[str, Any]
Tell = Callable[[Ref, Json | None], None]
"""Called with the object, or None when the API server says that it is not there."""

_BACKOFF: Final = Backoff(first=0.2, longest=30.0)
# An object that may not be watched is read this often (seconds): soon while it is not usable yet.
_SOON: Final = 2.0
_LATER: Final = 60.0


class Follower(Protocol):
    """Tells one object now and whenever it changes; trouble is why it cannot, "" while it can."""

    @property
    def trouble(self) -> str:
        """The API server's last refusal, or why it cannot be asked."""
        ...

    async def run(self) -> None:
        """Until cancelled; an object that cannot change is told once."""
        ...


def follower(client: Client, ref: Ref, tell: Tell) -> Follower:
    """The way in which a node may follow an object of this kind."""
    return _Reader(client, ref, tell) if ref.kind in ONLY_READ else _Watcher(client, ref, tell)


class _Watcher:
    """Lists and watches with a field selector for the one name."""

    def __init__(self, client: Client, ref: Ref, tell: Tell) -> None:
        fields = f"metadata.name={ref.name}"
        self._ref, self._tell = ref, tell
        self._informer = Informer(client, KINDS[ref.kind], namespace=ref.namespace, fields=fields)
        self._informer.add_handler(lambda _, new: tell(ref, new))

    @property
    def trouble(self) -> str:
        return self._informer.trouble

    async def run(self) -> None:
        watching = asyncio.create_task(self._informer.run(), name=f"watch {self._ref}")
        try:
            await self._informer.synced.wait()
            found = self._informer.get(self._ref.name, self._ref.namespace)
            if found is None:
                self._tell(self._ref, None)
            elif found.get("immutable"):
                return
            await watching
        finally:
            watching.cancel()


class _Reader:
    """Reads again and again."""

    def __init__(self, client: Client, ref: Ref, tell: Tell) -> None:
        self.trouble = ""
        self._client, self._ref, self._tell = client, ref, tell

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                found = await self._read()
                failures, self.trouble = 0, ""
            except (ApiStatusError, UnreachableError) as error:
                failures, self.trouble = failures + 1, str(error)
                await asyncio.sleep(_BACKOFF.pause(failures))
                continue
            self._tell(self._ref, found)
            phase = ((found or {}).get("status") or {}).get("phase")
            await asyncio.sleep(_LATER if phase == "Bound" else _SOON)

    async def _read(self) -> Json | None:
        try:
            return await self._client.get(KINDS[self._ref.kind], self._ref.name, self._ref.namespace)
        except ApiStatusError as error:
            if error.is_not_found:
                return None
            raise
