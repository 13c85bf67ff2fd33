# SPDX-License-Identifier: Apache-2.0
"""Work inside another network namespace, without a process for it.

A namespace belongs to a thread (setns(2)), so the work is done by a thread that ends there: no thread of
ours ever comes back from a foreign namespace, and none can be left in one by an error.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from netplugin.errors import KernelError

CLONE_NEWNET = 0x40000000  # linux/sched.h

Result = TypeVar("Result")
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of the network namespace at `path`; FileNotFoundError when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise KernelError(
            f"cannot open the network namespace {path}: {error.strerror}", error.errno or 0
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def run_in(namespace: int, work: Callable[[], Result]) -> Result:
    """What `work` returns or raises when it is called inside the namespace."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def enter() -> None:
        try:
            _enter(namespace)
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=enter, name="namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def identity(path: Path = Path("/proc/thread-self/ns/net")) -> str:
    """The namespace of the calling thread as the kernel names it, e.g. "net:[4026531840]"."""
    return str(path.readlink())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        errno = ctypes.get_errno()
        where = Path(f"/proc/self/fd/{namespace}").readlink()
        raise KernelError(f"cannot enter the network namespace {where}: {os.strerror(errno)}", errno)
