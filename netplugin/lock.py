# SPDX-License-Identifier: Apache-2.0
"""One operation at a time per attachment, across threads and processes, without a file per attachment.

Open-file-description locks (fcntl(2), F_OFD_SETLKW) on one byte each of a single file, the byte chosen by the
attachment's hash; the kernel lets go when the holder dies. A runtime that gave up on an ADD may send the
DEL while the daemon still works on it: the DEL then waits for its end.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netplugin.errors import InputOutputError
from netplugin.model import Attachment

_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, pid


@contextmanager
def attachment_lock(state_dir: Path, attachment: Attachment) -> Iterator[None]:
    """Wait for whoever works on the attachment, and keep others out."""
    path = state_dir / "attachments.lock"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputOutputError(f"cannot open {path}: {error.strerror}") from error
    try:
        byte = int(attachment.key, 16) >> 2  # offsets are signed
        fcntl.fcntl(
            descriptor, fcntl.F_OFD_SETLKW, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        )
        yield
    finally:
        os.close(descriptor)
