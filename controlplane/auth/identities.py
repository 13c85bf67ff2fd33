# SPDX-License-Identifier: Apache-2.0
"""Whether the objects that a token is bound to are still there: from memory, or else from the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controlplane.auth.times import deleted_at
from controlplane.request import Reader

Json = dict[str, Any]
PREFIXES: Final = ("/core/serviceaccounts/", "/core/pods/")

# The deletion of an account or pod is not the end of its token at once: a pod may need it to end in order.
GRACE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Of an object: its uid, and when its deletion was asked for, in seconds since 1970."""

    uid: str
    deleted: float | None = None


class Identities:
    """Of the objects under PREFIXES (an objects.View)."""

    def __init__(self) -> None:
        """Empty."""
        self._known: dict[str, Identity] = {}

    def put(self, key: str, obj: Json) -> None:
        """The object as it is now."""
        self._known[key] = _identity(obj)

    def drop(self, key: str) -> None:
        """The object is gone."""
        self._known.pop(key, None)

    def find(self, key: str) -> Identity | None:
        """What is known of the object under this key."""
        return self._known.get(key)


class Existence:
    """Answers from memory when memory says yes, and asks the store before it says no."""

    def __init__(self, identities: Identities, reader: Reader) -> None:
        """Identities may lag behind by a moment; the reader does not."""
        self._identities = identities
        self._reader = reader

    async def holds(self, plural: str, namespace: str, reference: Mapping[str, str], now: float) -> bool:
        """Whether the core object {name, uid} exists as that very object, and not past its deletion."""
        name, uid = reference.get("name", ""), reference.get("uid", "")
        known = self._identities.find(f"/core/{plural}/{namespace}/{name}")
        if known is None or known.uid != uid:
            obj = await self._reader.get("", plural, namespace, name)
            known = _identity(obj) if obj else None
        if known is None or known.uid != uid:
            return False
        return known.deleted is None or now < known.deleted + GRACE_SECONDS


def _identity(obj: Json) -> Identity:
    return Identity(str(obj["metadata"].get("uid", "")), deleted_at(obj))
