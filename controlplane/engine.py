# SPDX-License-Identifier: Apache-2.0
"""What all verbs need, put together once: kinds, store, admission, and the hooks of other parts."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from controlplane.registry.registry import Registry
from controlplane.request import Authorizer, Plugin, User
from controlplane.store.interface import Store
from controlplane.verbs.selection import FactsCache

Json = dict[str, Any]


class Reserver(Protocol):
    """Gives an object of one kind something that no other may have (addresses, ports), durably."""

    def reserving(self, obj: Json, old: Json | None, *, dry_run: bool) -> AbstractAsyncContextManager[None]:
        """Fill in obj and hold what it needs; leaving with an error gives back what is new, else what is not used."""
        ...

    async def released(self, old: Json) -> None:
        """The object is gone: give back what it had."""
        ...


TokenIssuer = Callable[[str, str, Json], Awaitable[Json]]
"""Answers a TokenRequest for the ServiceAccount of a namespace and name."""

Review = Callable[[Json, User, str], Awaitable[Json]]
"""Answers an object of a kind that is asked and not stored, from it, the caller and the URL's namespace."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The server's parts as the verbs see them. reservers are by (group, plural)."""

    registry: Registry
    store: Store
    plugins: tuple[Plugin, ...] = ()
    authorizer: Authorizer | None = None
    reservers: Mapping[tuple[str, str], Reserver] = field(default_factory=dict)
    token_issuer: TokenIssuer | None = None
    # By kind: SubjectAccessReview and the like.
    reviews: Mapping[str, Review] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    facts: FactsCache = field(default_factory=FactsCache)
