# SPDX-License-Identifier: Apache-2.0
"""System calls that the standard library of Python 3.11 lacks, as plain functions that raise OSError."""

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
"""sched.h"""
MS_BIND = 0x1000
"""sys/mount.h"""
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
OWN_NET_NAMESPACE = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, *about: object) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *(str(thing) for thing in about))


def unshare(flags: int) -> None:
    """unshare(2): the calling thread gets namespaces of its own."""
    _check(_libc.unshare(flags))


def setns(descriptor: int, kind: int) -> None:
    """setns(2): the calling thread enters the namespace that `descriptor` refers to."""
    _check(_libc.setns(descriptor, kind))


def bind_mount(source: str, target: Path) -> None:
    """mount(2) with MS_BIND: `target` shows what is at `source`."""
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None), target)


def umount(target: Path, flags: int = 0) -> None:
    """umount2(2); a symbolic link at `target` is not followed."""
    _check(_libc.umount2(os.fsencode(target), flags | UMOUNT_NOFOLLOW), target)


def in_fresh_thread(action: Callable[[], None]) -> None:
    """Run `action` in a thread that ends afterwards, so that what it unshares ends with it; raises its error."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            failure.append(error)

    thread = threading.Thread(target=run, name="lab-namespace")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


@contextmanager
def in_namespace(path: Path | str) -> Iterator[None]:
    """The calling thread is in the network namespace at `path` for the time of the block.

    Sockets made inside stay in that namespace afterwards. Other threads, and tasks of an event loop that run
    while the block waits, do see it if they share the thread: do not await inside.
    """
    own = os.open(OWN_NET_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_namespace(path)
        try:
            yield
        finally:
            setns(own, CLONE_NEWNET)
    finally:
        os.close(own)


def enter_namespace(path: Path | str) -> None:
    """The calling thread enters the network namespace at `path` for good."""
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(there, CLONE_NEWNET)
    finally:
        os.close(there)


def new_network_namespace(target: Path) -> None:
    """Make a network namespace that lives for as long as it is mounted at `target`, an existing file."""

    def make() -> None:
        unshare(CLONE_NEWNET)
        bind_mount(OWN_NET_NAMESPACE, target)

    in_fresh_thread(make)
