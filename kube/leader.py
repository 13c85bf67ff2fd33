# SPDX-License-Identifier: Apache-2.0
"""One among several: leader election by a Lease of coordination.k8s.io, as client-go's leaderelection does it.

Durations are judged by our own clock from when we saw the Lease change, never by the times written in it, so the
participants' clocks need not agree.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import LEASES

log = logging.getLogger(__name__)

Json = dict[str, Any]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: a Lease not renewed for lease may be taken; a leader that cannot renew for renew steps down first."""

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0


DEFAULT_TIMING: Final = Timing()


@dataclass(frozen=True, slots=True)
class Observed:
    """The Lease as last seen, and when (by our monotonic clock) it was seen to change."""

    lease: Json | None = None
    changed: float = 0.0


def observe(before: Observed, lease: Json | None, now: float) -> Observed:
    """What is known after another look."""
    if before.lease is not None and lease is not None and before.lease.get("spec") == lease.get("spec"):
        return Observed(lease, before.changed)
    return Observed(lease, now)


def claim(observed: Observed, identity: str, now: float, timing: Timing, wall: datetime) -> Json | None:
    """The spec to write in order to take or renew the Lease; None while another holds it."""
    spec: Json = (observed.lease or {}).get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    stamp = wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if holder == identity:
        return {**spec, "renewTime": stamp}
    duration = spec.get("leaseDurationSeconds") or timing.lease
    if holder and now < observed.changed + duration:
        return None
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": int(timing.lease),
        "acquireTime": stamp,
        "renewTime": stamp,
        "leaseTransitions": (spec.get("leaseTransitions") or 0) + (1 if observed.lease else 0),
    }


class Elector:
    """One participant. identity must be unique among them."""

    def __init__(
        self,
        client: Client,
        name: str,
        identity: str,
        *,
        namespace: str = "kube-system",
        timing: Timing = DEFAULT_TIMING,
        clock: Clock = time.monotonic,
    ) -> None:
        self.leading = False
        self._client = client
        self._name, self._namespace, self._identity = name, namespace, identity
        self._timing, self._clock = timing, clock
        self._observed = Observed()

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Whenever we are the leader, run lead() and cancel it when we are not any more; until cancelled.

        When lead() returns or raises, the Lease is given back and the same goes to the caller.
        """
        while True:
            if not await self._try():
                await asyncio.sleep(self._timing.retry)
                continue
            log.info("Leading %s/%s as %s", self._namespace, self._name, self._identity)
            if await self._term(lead):
                return
            log.warning("Not leading %s/%s any more", self._namespace, self._name)

    async def _term(self, lead: Callable[[], Awaitable[None]]) -> bool:
        """Lead until lead() ends (True) or the Lease is lost (False)."""
        work = asyncio.ensure_future(lead())
        renewing = asyncio.ensure_future(self._renew())
        self.leading = True
        try:
            await asyncio.wait((work, renewing), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return False
            await work
            return True
        finally:
            self.leading = False
            await _end(work)
            await _end(renewing)
            await self._release()

    async def _renew(self) -> None:
        """Renew until that has failed for timing.renew seconds, or somebody else holds the Lease."""
        renewed = self._clock()
        while self._clock() < renewed + self._timing.renew:
            await asyncio.sleep(self._timing.retry)
            began = self._clock()
            remaining = renewed + self._timing.renew - began
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(remaining, 0)):
                    if await self._try():
                        renewed = began
            holder = ((self._observed.lease or {}).get("spec") or {}).get("holderIdentity")
            if holder != self._identity:
                return

    async def _try(self) -> bool:
        try:
            await self._look()
            spec = claim(self._observed, self._identity, self._clock(), self._timing, datetime.now(UTC))
            if spec is None:
                return False
            await self._write(spec)
        except (ApiStatusError, UnreachableError) as error:
            log.info("Cannot take or renew lease %s/%s: %s", self._namespace, self._name, error)
            return False
        return True

    async def _look(self) -> None:
        lease: Json | None = None
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
        except ApiStatusError as error:
            if not error.is_not_found:
                raise
        self._observed = observe(self._observed, lease, self._clock())

    async def _write(self, spec: Json) -> None:
        lease = self._observed.lease
        if lease is None:
            metadata = {"name": self._name, "namespace": self._namespace}
            written = await self._client.create(LEASES, {"metadata": metadata, "spec": spec})
        else:
            written = await self._client.update(LEASES, {**lease, "spec": spec})
        self._observed = Observed(written, self._clock())

    async def _release(self) -> None:
        """Let the next one begin at once; when that fails, it waits for the Lease to run out."""
        lease = self._observed.lease
        spec: Json = (lease or {}).get("spec") or {}
        if lease is None or spec.get("holderIdentity") != self._identity:
            return
        freed = {**lease, "spec": {**spec, "holderIdentity": "", "leaseDurationSeconds": 1}}
        with contextlib.suppress(ApiStatusError, UnreachableError, TimeoutError):
            async with asyncio.timeout(self._timing.retry):
                self._observed = Observed(await self._client.update(LEASES, freed), self._clock())


async def _end(task: "asyncio.Future[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
