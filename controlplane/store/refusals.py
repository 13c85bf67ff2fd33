# SPDX-License-Identifier: Apache-2.0
"""The drivers' refusals in the same words."""

from controlplane.store.errors import CompactedError, ConflictError, ExistsError, FutureRevisionError
from controlplane.store.interface import Record


def exists(key: str) -> ExistsError:
    """A create of what is there."""
    return ExistsError(f"cannot create {key}: it exists")


def conflict(verb: str, key: str, expected: int, current: Record | None) -> ConflictError:
    """An update or delete of another state than the caller has seen."""
    why = f"it is at revision {current.mod_revision}" if current else "it does not exist"
    return ConflictError(f"cannot {verb} {key} at revision {expected}: {why}", current)


def compacted(what: str, revision: int, oldest: int) -> CompactedError:
    """what: such as "list" or "watch after"."""
    return CompactedError(
        f"cannot {what} revision {revision}: history begins at revision {oldest}; list again", oldest
    )


def future(what: str, revision: int, current: int) -> FutureRevisionError:
    """what: such as "list" or "watch after"."""
    return FutureRevisionError(f"cannot {what} revision {revision}: the newest is {current}")


def check_kept(what: str, revision: int, oldest: int, current: int) -> None:
    """Raise CompactedError or FutureRevisionError unless oldest <= revision <= current."""
    if revision < oldest:
        raise compacted(what, revision, oldest)
    if revision > current:
        raise future(what, revision, current)
