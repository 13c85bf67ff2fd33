# SPDX-License-Identifier: Apache-2.0
"""`down`: removes a lab in whatever state it is, and says what it could not remove.

Every step tolerates what is gone already and does not stop at a failure. lab.json goes last, so that a `down` that was
killed can be repeated.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from lab import cgroup, leftovers, marks, mounts, namespace, specfile
from lab.errors import LabError, LabLeftoverError
from lab.leftovers import HostFolders
from lab.lock import locked
from lab.model import LabSpec
from lab.progress import Progress, phase
from lab.up import check_folder

KILL_DEADLINE = 15.0
CGROUP_DEADLINE = 5.0
POLL = 0.01


def down(spec: LabSpec, progress: Progress, host: HostFolders) -> None:
    """Remove the lab; LabLeftoverError with a sentence for each thing that is still there."""
    root = spec.paths.root
    check_folder(root)
    # Without the folder there is nothing to hold, but there may be processes, names and cgroups.
    with locked(root):
        problems = tuple(_down(spec, progress, host))
    if problems:
        raise LabLeftoverError(f"lab {spec.name} in {root}", problems)


def _down(spec: LabSpec, progress: Progress, host: HostFolders) -> Iterator[str]:
    own = _own_hierarchies(spec)
    _refuse_inside(own, spec)
    with phase(progress, "processes"):
        yield from end_processes(own, spec.paths.cgroup)
    outside = leftovers.find(spec, host)
    namespaces = _namespace_numbers(spec)
    with phase(progress, "mounts"):
        yield from mounts.umount_below(spec.paths.root)
    with phase(progress, "network"):
        yield from _remove_names(spec)
        yield from _held_namespaces(namespaces)
    with phase(progress, "cgroups"):
        yield from _remove_cgroups(own, spec.paths.cgroup)
    with phase(progress, "files"):
        yield from leftovers.remove(outside, host)
        yield from _remove_folder(spec.paths.root)


def _own_hierarchies(spec: LabSpec) -> tuple[cgroup.Hierarchy, ...]:
    """Those in which the cgroup of the lab's name is this lab's and not that of one with the same name."""
    root, path = str(spec.paths.root), spec.paths.cgroup
    return tuple(h for h in cgroup.hierarchies() if cgroup.foreign_owner(h, path, root) is None)


def _refuse_inside(hierarchies: tuple[cgroup.Hierarchy, ...], spec: LabSpec) -> None:
    if os.getpid() in cgroup.members(hierarchies, spec.paths.cgroup):
        raise LabError(f"cannot take lab {spec.name} down from inside: this process is in its cgroup")


def end_processes(
    hierarchies: tuple[cgroup.Hierarchy, ...], path: str, deadline: float = KILL_DEADLINE
) -> tuple[str, ...]:
    """Kill every process in the cgroup `path` and below it, and wait for their end."""
    until = time.monotonic() + deadline
    cgroup.stop_forks(hierarchies, path)
    cgroup.kill_at_once(hierarchies, path)
    while members := cgroup.members(hierarchies, path):
        if time.monotonic() > until:
            return tuple(f"process {pid} ({_name(pid)}) does not end" for pid in sorted(members))
        # Each time: a container that was being made may have been frozen or may have moved in since.
        cgroup.thaw(hierarchies, path)
        _kill_all(hierarchies, path, members)
        time.sleep(POLL)
    return ()


def _kill_all(hierarchies: tuple[cgroup.Hierarchy, ...], path: str, pids: frozenset[int]) -> None:
    with ExitStack() as stack:
        descriptors = {pid: descriptor for pid in pids if (descriptor := _open(pid, stack)) is not None}
        # Asked again now that no pid can change its meaning: one may have ended, and its pid been used anew.
        for pid in descriptors.keys() & cgroup.members(hierarchies, path):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptors[pid], signal.SIGKILL)


def _open(pid: int, stack: ExitStack) -> int | None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "?"


def _namespace_numbers(spec: LabSpec) -> frozenset[int]:
    paths = spec.paths
    there = (paths.switch_namespace, paths.controlplane.namespace, *(node.namespace for node in paths.nodes))
    found = [namespace.inode(path) for path in there]
    return frozenset(number for number in found if number is not None)


def _remove_names(spec: LabSpec) -> Iterator[str]:
    for link in namespace.links_into(spec.paths.netns_folder, spec.paths.root):
        try:
            link.unlink(missing_ok=True)
        except OSError as error:
            yield f"{link} stays: {error.strerror}"
    marks.remove_folders(spec.paths.netns_folder)


def _held_namespaces(numbers: frozenset[int]) -> Iterator[str]:
    if numbers and (who := namespace.holders(numbers)):
        yield f"a network namespace of the lab lives on in processes that are not the lab's: {', '.join(who)}"


def _remove_cgroups(hierarchies: tuple[cgroup.Hierarchy, ...], path: str) -> tuple[str, ...]:
    until = time.monotonic() + CGROUP_DEADLINE
    # A cgroup may be busy for a moment after its last process ended.
    while left := [folder for h in hierarchies for folder in cgroup.remove(h, path)]:
        if time.monotonic() > until:
            return tuple(f"cgroup {folder} is still in use" for folder in left)
        time.sleep(POLL)
    return ()


def _remove_folder(root: Path) -> Iterator[str]:
    if not root.is_dir():
        return
    # Never look for files to remove behind a mount: they may be somebody else's.
    if still := mounts.below(root, mounts.read()):
        yield f"{root} stays: {len(still)} mounts are still below it"
        return
    kept = {specfile.unfinished_name(), "lab.json"}
    try:
        for path in root.iterdir():
            if path.name not in kept:
                _remove(path)
        for name in kept:
            (root / name).unlink(missing_ok=True)
        # A folder that was there (empty) before the lab stays there, empty.
        if marks.read(root) != "":
            root.rmdir()
    except OSError as error:
        yield f"{error.filename or root} stays: {error.strerror}"
    marks.remove_folders(root.parent)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
