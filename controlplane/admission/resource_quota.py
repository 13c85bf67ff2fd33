# SPDX-License-Identifier: Apache-2.0
"""ResourceQuota: what comes into a namespace is first taken from its quotas, so that they hold under concurrency.

A reservation is a write of the quota's status with optimistic concurrency, here and in every other API server over
the same store: two that want the last place cannot both have it.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

from controlplane.admission.amounts import Amounts
from controlplane.admission.base import AdmissionPlugin
from controlplane.admission.errors import forbidden
from controlplane.admission.quota.charges import Asking, Charge, QuotaRefusedError, charges, given_back
from controlplane.admission.quota.names import CLAIMS, PODS, SERVICES
from controlplane.errors import ApiError
from controlplane.registry.data import Json
from controlplane.request import Admission, Operation, Reader, Writer

Clock = Callable[[], datetime]

_QUOTAS: Final = ("", "resourcequotas")
# Writing an event must not fail for lack of quota: it may be the one that tells about it.
_FREE: Final = frozenset({("", "events"), ("events.k8s.io", "events")})
_CHARGED_ON_UPDATE: Final = frozenset({SERVICES, CLAIMS})
_TRIES: Final = 30
_log = logging.getLogger(__name__)


class ResourceQuota(AdmissionPlugin):
    """Refuses what a quota has no room for; reserves the rest, and gives it back when the write fails after all."""

    name = "ResourceQuota"

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        *,
        now: Clock = lambda: datetime.now(UTC),
        tries: int = _TRIES,
    ) -> None:
        """Where quotas are read and written; how often a quota that others change meanwhile is tried."""
        self._reader = reader
        self._writer = writer
        self._now = now
        self._tries = tries
        # One reservation at a time and namespace: without it, a burst of creates would mostly conflict with itself.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def validate(self, admission: Admission) -> None:
        """Reserve. Raises ApiError 403 when a quota refuses, 409 when others kept changing the quota."""
        if not _is_charged(admission) or not await self._quotas(admission):
            return
        turn = self._turns.setdefault(admission.attributes.namespace, asyncio.Lock())
        async with turn:
            await self._reserve(admission)

    async def _quotas(self, admission: Admission) -> list[Json]:
        return await self._reader.list(*_QUOTAS, admission.attributes.namespace)

    async def _reserve(self, admission: Admission) -> None:
        done: set[str] = set()
        for attempt in range(self._tries):
            quotas = [one for one in await self._quotas(admission) if _identity(one) not in done]
            try:
                for charge in self._charges(admission, quotas):
                    await self._take(admission, charge)
                    done.add(_identity(charge.quota))
            except ApiError as error:
                if error.reason not in ("Conflict", "NotFound") or attempt + 1 == self._tries:
                    raise
            else:
                return

    def _charges(self, admission: Admission, quotas: list[Json]) -> list[Charge]:
        asked = admission.attributes
        assert admission.object is not None, "only creates and updates are charged"
        asking = Asking((asked.group, asked.resource), admission.object, admission.old, self._now())
        try:
            return charges(quotas, asking)
        except QuotaRefusedError as error:
            raise forbidden(admission, str(error)) from error

    async def _take(self, admission: Admission, charge: Charge) -> None:
        if admission.dry_run:
            return
        await self._writer.update_status(*_QUOTAS, charge.taken)
        admission.undo.append(partial(self._give_back, charge.quota, charge.amounts))

    async def _give_back(self, quota: Json, amounts: Amounts) -> None:
        """Every conflict means that somebody else got on, so this ends; what fails otherwise is left to the recount."""
        metadata = quota["metadata"]
        while True:
            current = await self._reader.get(*_QUOTAS, metadata["namespace"], metadata["name"])
            if current is None or _identity(current) != _identity(quota):
                return
            try:
                await self._writer.update_status(*_QUOTAS, given_back(current, amounts))
            except ApiError as error:
                if error.reason == "Conflict":
                    continue
                where = f"{metadata['namespace']}/{metadata['name']}"
                _log.warning("cannot give back to quota %s: %s; the next recount does", where, error)
            return


def _is_charged(admission: Admission) -> bool:
    asked = admission.attributes
    resource = (asked.group, asked.resource)
    if not asked.namespace or resource in _FREE or asked.resource == "namespaces" or admission.object is None:
        return False
    if admission.operation is Operation.CREATE:
        return not asked.subresource
    if admission.operation is not Operation.UPDATE:
        return False
    if resource == PODS:
        return asked.subresource == "resize"
    return resource in _CHARGED_ON_UPDATE and not asked.subresource


def _identity(quota: Json) -> str:
    """A quota deleted and made again under its name is another one."""
    metadata = quota["metadata"]
    return str(metadata.get("uid") or metadata["name"])
