# SPDX-License-Identifier: Apache-2.0
"""What a store may answer besides success."""

from controlplane.store.interface import Record


class StoreError(Exception):
    """The store could not do it; the message says what, where and why. Nothing was written."""


class ExistsError(StoreError):
    """There is a record under this key already."""


class ConflictError(StoreError):
    """The record is not the expected one; current is what is there now, None if nothing is."""

    def __init__(self, message: str, current: Record | None) -> None:
        """Keep the current record: the caller answers with it or tries again upon it."""
        super().__init__(message)
        self.current = current


class CompactedError(StoreError):
    """That revision is not kept any more; oldest is the first that is."""

    def __init__(self, message: str, oldest: int) -> None:
        """Keep from where on history exists."""
        super().__init__(message)
        self.oldest = oldest


class FutureRevisionError(StoreError):
    """That revision has not been reached yet."""


class UnavailableError(StoreError):
    """The store cannot write or read now (full disk, read-only file, lost server); what was acknowledged is safe."""


class UnusableError(StoreError):
    """A store that cannot be opened as it is: damaged, of a newer version, or in use; the message says what to do."""


class InUseError(UnusableError):
    """Another process has the store open; it can be opened when that one has ended."""
