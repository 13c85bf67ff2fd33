# SPDX-License-Identifier: Apache-2.0
"""list: a collection, whole or in pages, as it was at one revision."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.engine import Engine
from controlplane.store.errors import CompactedError
from controlplane.store.interface import Page, Record
from controlplane.verbs.call import Call
from controlplane.verbs.continuation import Position, parse_token
from controlplane.verbs.errors import store_refusals, too_old
from controlplane.verbs.revisions import Wanted, wanted_for_list
from controlplane.verbs.selection import EVERYTHING, Selection
from controlplane.verbs.stored import Stored

CHUNK: Final = 250
"""Records that are read at a time: what a list needs in memory."""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """metav1.ListOptions of a list; limit 0 is all."""

    selection: Selection = EVERYTHING
    limit: int = 0
    token: str = ""
    resource_version: str = ""
    match: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that has begun: its metadata is known, the items come in chunks.

    token is "" at the end of the collection; remaining None where it is not known, as with selectors.
    """

    revision: int
    chunks: AsyncIterator[list[Stored]]
    token: str = ""
    remaining: int | None = None


async def list_objects(engine: Engine, call: Call, options: ListOptions) -> Listing:
    """Begin a list. Raises ApiError 400, 410, 422 and 504. Chunks may raise 410 when reading takes too long."""
    position = parse_token(options.token) if options.token else None
    wanted = wanted_for_list(
        options.resource_version, options.match, limit=options.limit, continued=position is not None
    )
    with store_refusals():
        await wanted.check(engine.store)
    source = _Source(engine, call, options.selection)
    if options.limit:
        return await _limited(source, wanted, position, options.limit)
    return await _whole(source, wanted, position)


@dataclass(frozen=True, slots=True)
class _Source:
    """The range that a list reads."""

    engine: Engine
    call: Call
    selection: Selection

    @property
    def prefix(self) -> str:
        """The smallest range that the selection allows."""
        name = self.selection.fields.exact("metadata.name")
        namespace = self.call.namespace or self.selection.fields.exact("metadata.namespace")
        if not self.call.resource.namespaced:
            return self.call.resource.key("", name)
        return self.call.resource.key(namespace, name) if namespace else self.call.prefix

    async def page(self, limit: int, position: Position | None, wanted: Wanted) -> Page:
        """One page of the range."""
        base = self.call.resource.storage_prefix
        start, revision = (base + position.start, position.revision) if position else ("", wanted.at)
        with store_refusals():
            try:
                return await self.engine.store.list(
                    self.prefix, limit=limit, start_key=start, revision=revision
                )
            except CompactedError as error:
                if position is None:
                    raise
                raise too_old(
                    "The provided continue parameter is too old to display a consistent list result. "
                    "Start a new list without the continue parameter."
                ) from error

    def after(self, page: Page) -> Position:
        """Where the next page begins."""
        return Position(page.revision, page.next_key.removeprefix(self.call.resource.storage_prefix))

    def selected(self, records: tuple[Record, ...]) -> Iterator[Stored]:
        """Those of the records that the client asks for."""
        resource = self.call.resource
        # A key ends in the name: most objects need not be decoded to know that they are not meant.
        ending = f"/{self.selection.fields.exact('metadata.name')}".rstrip("/")
        for record in records:
            if record.key.endswith(ending) and self.selection.selects(resource, record.value):
                yield Stored.of(resource, record)


async def _whole(source: _Source, wanted: Wanted, position: Position | None) -> Listing:
    first = await source.page(CHUNK, position, wanted)

    async def chunks() -> AsyncIterator[list[Stored]]:
        page = first
        yield list(source.selected(page.records))
        while page.next_key:
            page = await source.page(CHUNK, source.after(page), wanted)
            yield list(source.selected(page.records))

    return Listing(first.revision, chunks())


async def _limited(source: _Source, wanted: Wanted, position: Position | None, limit: int) -> Listing:
    """With a selector as many pages are read as it takes to find `limit` objects."""
    found: list[Stored] = []
    while True:
        page = await source.page(limit - len(found), position, wanted)
        found += source.selected(page.records)
        position = source.after(page) if page.next_key else None
        if position is None or len(found) >= limit:
            break
    remaining = None if source.selection or position is None else page.remaining
    return Listing(page.revision, _once(found), position.to_token() if position else "", remaining)


async def _once(found: list[Stored]) -> AsyncIterator[list[Stored]]:
    yield found
