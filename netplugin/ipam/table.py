# SPDX-License-Identifier: Apache-2.0
"""The allocation files of one network, read and changed while its lock is held.

A daemon that serves one call after another need not read 250 files for each: it remembers what it left, and looks
again when somebody else was there. Every process that changes the folder first counts a number up that is kept in the
lock file, and a person who removes a file by hand changes the folder's time.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from netplugin.errors import AddressTakenError, InputOutputError
from netplugin.ipam import files, record
from netplugin.model import Address, Allocation

_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class _Remembered:
    """The folder as a call left it: the lock file's number, the folder's time, and who holds what."""

    generation: int
    modified: int
    held: dict[Address, Allocation]


_remembered: dict[Path, _Remembered] = {}


class Table:
    """Who holds which address, on disk and in `held`; made by `opened` alone."""

    def __init__(self, network: str, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock
        self._generation = _read_generation(lock)
        self._announced = False
        known = _remembered.pop(folder, None)
        if known and (known.generation, known.modified) == (self._generation, _modified(folder)):
            self.held = known.held
        else:
            _sweep(folder)
            self.held = {one.address: one for one in scan(network, folder)}

    def create(self, allocation: Allocation) -> None:
        """Hold a free address."""
        self._announce()
        if not files.create(self.path(allocation), record.encode(allocation)):
            raise AddressTakenError(
                f"address {allocation.address} was taken behind the lock in {self.folder}"
            )
        self.held[allocation.address] = allocation

    def replace(self, allocation: Allocation) -> None:
        """Write other words about the same holder."""
        self._announce()
        files.replace(self.path(allocation), record.encode(allocation))
        self.held[allocation.address] = allocation

    def remove(self, allocation: Allocation) -> None:
        """Free an address."""
        self._announce()
        self.path(allocation).unlink(missing_ok=True)
        self.held.pop(allocation.address, None)

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside the allocations; its name begins with a dot."""
        self._announce()
        files.replace(self.folder / name, content)

    def path(self, allocation: Allocation) -> Path:
        """The allocation's file."""
        return self.folder / str(allocation.address)

    def remember(self) -> None:
        """Keep what is known for the next call; never after an error."""
        _remembered[self.folder] = _Remembered(self._generation, _modified(self.folder), self.held)

    def _announce(self) -> None:
        """Before the first change, so that a kill in the midst of it is noticed too."""
        if not self._announced:
            self._announced = True
            self._generation += 1
            os.pwrite(self._lock, b"%020d\n" % self._generation, 0)


@contextmanager
def opened(network: str, folder: Path) -> Iterator[Table]:
    """Hold the network's lock; raises InputOutputError for a folder that cannot be used."""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            table = Table(network, folder, lock)
            yield table
            table.remember()
        finally:
            os.close(lock)
    except OSError as error:
        raise InputOutputError(
            f"cannot keep allocations in {folder}: {error.strerror}: {error.filename}"
        ) from error


def scan(network: str, folder: Path) -> list[Allocation]:
    """Every allocation in the folder, in no order; works without the lock too."""
    try:
        with os.scandir(folder) as entries:
            paths = [Path(entry.path) for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    return [allocation for allocation in (_load(network, path) for path in paths) if allocation]


def _load(network: str, path: Path) -> Allocation | None:
    """None for a file that is not named by an address, or is gone by now."""
    try:
        address = ip_address(path.name)
        return record.decode(network, address, path.read_bytes(), path.stat().st_mtime)
    except (ValueError, FileNotFoundError):
        return None


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left; under the lock, where no writer lives."""
    for left in folder.glob(f"{files.TEMPORARY}*"):
        left.unlink(missing_ok=True)


def _read_generation(lock: int) -> int:
    content = os.pread(lock, 32, 0).strip()
    return int(content) if content.isdigit() else 0


def _modified(folder: Path) -> int:
    return folder.stat().st_mtime_ns
