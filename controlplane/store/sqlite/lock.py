# SPDX-License-Identifier: Apache-2.0
"""One process per store. The kernel drops the lock with the process, however that ends."""

import fcntl
import os
from pathlib import Path

from controlplane.store.errors import InUseError, UnavailableError


class FileLock:
    """Holds PATH.lock, which names the holder's process."""

    def __init__(self, path: Path) -> None:
        """Raises InUseError when another process holds it, UnavailableError when it cannot be made."""
        self.path = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"cannot open {path}: cannot make {self.path}: {error.strerror}; its folder must exist and be writable"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            raise InUseError(
                f"cannot open {path}: process {holder or '(unknown)'} has it open; "
                "one process at a time may, several control planes need etcd"
            ) from error
        self._name_holder()

    def _name_holder(self) -> None:
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, b"%d\n" % os.getpid(), 0)
        except OSError:
            # A full disk: the lock holds all the same, only its holder's number is missing.
            return

    def release(self) -> None:
        """The file stays: removing it would let two processes hold two files of one name."""
        os.close(self._file)
