# SPDX-License-Identifier: Apache-2.0
"""Random histories, and what each step shows, so that two drivers can be compared step by step."""

from contextlib import aclosing
from dataclasses import dataclass

from hypothesis import strategies as st

from controlplane.store.errors import (
    CompactedError,
    ConflictError,
    ExistsError,
    FutureRevisionError,
    StoreError,
)
from controlplane.store.interface import Change, Page, Progress, Record, Store

KEYS = tuple(
    f"/{kind}/{namespace}/{name}" for kind in ("a", "ab") for namespace in ("", "n") for name in "xy"
)
PREFIXES = ("", "/a/", "/a", "/a/n/", "/ab//x", "/none/")


@dataclass(frozen=True, slots=True)
class Step:
    """back: how many revisions before the newest; stale: an update or delete of another revision."""

    verb: str
    key: str = ""
    value: bytes = b""
    stale: bool = False
    prefix: str = ""
    limit: int = 0
    back: int = 0


_KEY = st.sampled_from(KEYS)
_PREFIX = st.sampled_from(PREFIXES)
_BACK = st.integers(-1, 12)
_STALE = st.sampled_from((False, False, False, True))
STEPS = st.lists(
    st.one_of(
        st.builds(Step, st.just("create"), key=_KEY, value=st.binary(max_size=3)),
        st.builds(Step, st.just("update"), key=_KEY, value=st.binary(max_size=3), stale=_STALE),
        st.builds(Step, st.just("delete"), key=_KEY, stale=_STALE),
        st.builds(Step, st.just("list"), prefix=_PREFIX, limit=st.integers(0, 4), back=_BACK),
        st.builds(Step, st.just("watch"), prefix=_PREFIX, back=_BACK),
        st.builds(Step, st.just("compact"), back=_BACK),
        st.just(Step("reopen")),
    ),
    max_size=40,
)


class History:
    """Plays steps on one store. Revisions are told from where the store began, since an etcd has been used before."""

    def __init__(self, store: Store, first: int) -> None:
        self.store = store
        self._first = first

    async def play(self, step: Step) -> object:
        """What a caller sees of it, as a value that is equal for drivers that are alike."""
        try:
            return await self._play(step)
        except (CompactedError, FutureRevisionError, ExistsError) as error:
            return type(error).__name__
        except ConflictError as error:
            return ("ConflictError", self._record(error.current))
        except StoreError as error:
            return repr(error)

    async def _play(self, step: Step) -> object:
        newest = await self.store.current_revision()
        at = newest - step.back
        if step.verb == "create":
            return self._record(await self.store.create(step.key, step.value))
        if step.verb in ("update", "delete"):
            current = await self.store.get(step.key)
            expected = (current.mod_revision if current else 0) + (7 if step.stale else 0)
            if step.verb == "update":
                return self._record(await self.store.update(step.key, step.value, expected=expected))
            return self._record(await self.store.delete(step.key, expected=expected))
        if at < self._first:
            return None
        if step.verb == "compact":
            await self.store.compact(at)
            return "compacted"
        if step.verb == "list":
            return [self._page(page) for page in await self._pages(step, at)]
        return await self._watched(step.prefix, at, newest)

    async def _pages(self, step: Step, at: int) -> list[Page]:
        pages = [await self.store.list(step.prefix, limit=step.limit, revision=at)]
        while pages[-1].next_key:
            start = pages[-1].next_key
            pages.append(await self.store.list(step.prefix, limit=step.limit, start_key=start, revision=at))
        return pages

    async def _watched(self, prefix: str, after: int, newest: int) -> object:
        seen: list[object] = []
        if after == newest:
            return seen
        async with aclosing(self.store.watch(prefix, after=after)) as events:
            async for event in events:
                if isinstance(event, Progress):
                    if event.revision >= newest:
                        break
                    continue
                seen.append(self._change(event))
                if event.record.mod_revision == newest:
                    break
        return seen

    def _record(self, record: Record | None) -> object:
        if record is None:
            return None
        return (
            record.key,
            record.value,
            record.create_revision - self._first,
            record.mod_revision - self._first,
        )

    def _change(self, change: Change) -> object:
        return (change.kind, self._record(change.record), change.previous)

    def _page(self, page: Page) -> object:
        return ([self._record(each) for each in page.records], page.revision - self._first, page.next_key)
