# SPDX-License-Identifier: Apache-2.0
"""Equal parts of objects are kept once: ten thousand pods of some templates differ in little.

A decoded pod takes 12 KiB, most of it for containers, volumes and tolerations that thousands of others have as well,
and the same pod is known to several informers. Whoever gets such an object never changes it in place, nor its parts.
"""

import threading
from typing import Any, Final

import msgspec

Json = dict[str, Any]

KEPT: Final = 4096
_LONGEST: Final = 4096
"""Bytes of JSON; longer parts are rarely equal to others."""


class Shared:
    """The parts that were seen last; used by one thread."""

    def __init__(self, kept: int = KEPT) -> None:
        """How many are remembered. A part that was forgotten stays with those that have it."""
        self._kept = kept
        self._parts: dict[bytes, Any] = {}

    def share(self, obj: Json) -> Json:
        """The object itself, in which parts may have been replaced by equal ones of other objects."""
        for section in obj.values():
            if isinstance(section, dict):
                self._share_values(section)
        return obj

    def _share_values(self, section: Json) -> None:
        for name, value in section.items():
            if isinstance(value, list):
                section[name] = self._of([self._element(item) for item in value])
            elif isinstance(value, dict):
                section[name] = self._of(value)

    def _element(self, item: Any) -> Any:
        """Of a list: a volume has a name of its own, but what it is made of is common."""
        if not isinstance(item, dict):
            return item
        return self._of({name: self._of(v) if isinstance(v, (dict, list)) else v for name, v in item.items()})

    def _of(self, value: Any) -> Any:
        key = msgspec.json.encode(value)
        if len(key) > _LONGEST:
            return value
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = value
            if len(self._parts) > self._kept:
                del self._parts[next(iter(self._parts))]
        return found


class _OfThread(threading.local):
    """Informers of one event loop share with each other."""

    def __init__(self) -> None:
        self.parts = Shared()


_OWN: Final = _OfThread()


def share(obj: Json) -> Json:
    """See Shared.share, with all that this thread has seen."""
    return _OWN.parts.share(obj)
