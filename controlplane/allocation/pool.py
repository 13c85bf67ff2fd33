# SPDX-License-Identifier: Apache-2.0
"""A range of numbers, each held by at most one owner: one key of the store for each that is held.

The store's create is what excludes two owners, also between several servers over one etcd. A key is written before the
object that needs it and removed after the object is gone; what a crash leaves in between is found by `repair.py`.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from controlplane.allocation.errors import ExhaustedError, TakenError
from controlplane.store.errors import ConflictError, ExistsError
from controlplane.store.interface import Record, Store

Json = dict[str, Any]

PREFIX: Final = "/allocation/"
_RANDOM_TRIES: Final = 32


@dataclass(frozen=True, slots=True)
class Owner:
    """A Service; uid tells it from a later one of the same name. since: seconds since the epoch."""

    namespace: str
    name: str
    uid: str
    since: int = 0

    @classmethod
    def of(cls, obj: Json, since: int = 0) -> "Owner":
        """The owner that an object is. One that will be refused may lack anything."""
        metadata = obj["metadata"]
        return cls(metadata.get("namespace", ""), metadata.get("name", ""), metadata.get("uid", ""), since)


@dataclass(frozen=True, slots=True)
class Pool:
    """The numbers first..last under a name such as clusterips-ipv4; two pools with different names do not meet."""

    store: Store
    name: str
    first: int
    last: int

    @property
    def prefix(self) -> str:
        """The pool's range of keys."""
        return f"{PREFIX}{self.name}/"

    async def take(self, number: int, owner: Owner) -> bool:
        """Hold this number; False when this owner holds it already. Raises TakenError."""
        try:
            await self.store.create(self._key(number), msgspec.json.encode(owner))
        except ExistsError as error:
            record = await self.store.get(self._key(number))
            holder = owner_of(record) if record else None
            if holder is not None and holder.uid == owner.uid and owner.uid:
                return False
            by = f"{holder.namespace}/{holder.name}" if holder else "another Service"
            raise TakenError(f"provided {self.name} is already allocated to {by}") from error
        return True

    async def take_any(self, owner: Owner) -> int:
        """Hold a free number. Raises ExhaustedError."""
        for number in self._candidates():
            if await self._try(number, owner):
                return number
        for number in await self._free():
            if await self._try(number, owner):
                return number
        raise self._exhausted()

    async def find_free(self) -> int:
        """A number that nobody holds now: for dry runs, which hold nothing. Raises ExhaustedError."""
        found = next(await self._free(), None)
        if found is None:
            raise self._exhausted()
        return found

    async def give_back(self, number: int, owner: Owner) -> None:
        """Let go of a number if this owner holds it."""
        record = await self.store.get(self._key(number))
        if record is not None and owner_of(record).uid == owner.uid:
            await self.drop(record)

    async def drop(self, record: Record) -> None:
        """Remove an allocation unless it has changed since it was read."""
        try:
            await self.store.delete(record.key, expected=record.mod_revision)
        except ConflictError:
            return

    async def held(self) -> tuple[Record, ...]:
        """All allocations."""
        return (await self.store.list(self.prefix)).records

    def number_of(self, record: Record) -> int:
        """The number that an allocation holds."""
        return int(record.key.removeprefix(self.prefix), 16)

    def _candidates(self) -> Iterator[int]:
        count = self.last - self.first + 1
        for _ in range(_RANDOM_TRIES):
            yield self.first + secrets.randbelow(count)

    async def _free(self) -> Iterator[int]:
        """Every number that nobody held a moment ago, lowest first: for a range that is nearly full."""
        held = {self.number_of(record) for record in await self.held()}
        return (number for number in range(self.first, self.last + 1) if number not in held)

    async def _try(self, number: int, owner: Owner) -> bool:
        try:
            return await self.take(number, owner)
        except TakenError:
            return False

    def _exhausted(self) -> ExhaustedError:
        return ExhaustedError(f"range {self.name} is full: all {self.last - self.first + 1} are allocated")

    def _key(self, number: int) -> str:
        return f"{self.prefix}{number:032x}"


def owner_of(record: Record) -> Owner:
    """Who holds an allocation."""
    return msgspec.json.decode(record.value, type=Owner)
