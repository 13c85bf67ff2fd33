# SPDX-License-Identifier: Apache-2.0
"""Whether another test run went on at the same time on this machine: then nobody can tell who left what.

Each run appends a line to a file and holds a shared lock on it for as long as it goes on. The run that finds nobody
begins the file anew, the last one removes it. So a run was alone when its own line is the only one at its end.
"""

import fcntl
import os
import tempfile
from pathlib import Path

LINE = b"run\n"


class Run:
    """One test run, from begin to end."""

    def __init__(self, path: Path | None = None) -> None:
        """Begin. path: the file that all runs of this machine share."""
        self._path = path or Path(tempfile.gettempdir()) / "orlop-test-runs"
        self._descriptor = self._join()
        os.write(self._descriptor, LINE)

    def end(self) -> bool:
        """End; whether no other run went on in the meantime."""
        alone = os.fstat(self._descriptor).st_size == len(LINE)
        if self._try_alone():
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        return alone

    def _join(self) -> int:
        while True:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if self._try_alone():
                os.ftruncate(self._descriptor, 0)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            # The run that ended last may have removed the file between opening and locking it.
            if self._path.exists() and os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                return self._descriptor
            os.close(self._descriptor)

    def _try_alone(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
