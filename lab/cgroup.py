# SPDX-License-Identifier: Apache-2.0
"""The lab's cgroups: every process of a lab is in one, so that `down` finds them all and no others.

The lab's own processes (supervisor, containerd, its shims, node) are put into two hierarchies where they are
there: v1 "pids", because pids.max stops forks while they are killed, and v2, because cgroup.kill is atomic. runc
needs none of them: it makes the pods' cgroups by absolute path, in every hierarchy. The other hierarchies are left
as they are found, so that the lab is charged for what it uses just as its caller was.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import marks, mounts

PLACED_IN = "pids"
V2_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted cgroup hierarchy. controllers: v1's own ("pids", "cpu", "name=systemd"); () for v2."""

    mount: Path
    version: int
    controllers: tuple[str, ...] = ()

    def folder(self, path: str) -> Path:
        """Where the cgroup `path` ("/a/b") of this hierarchy is."""
        return self.mount / path.lstrip("/")


def hierarchies(mountinfo: Path = mounts.MOUNTINFO) -> tuple[Hierarchy, ...]:
    """The mounted hierarchies, each once."""
    found: dict[tuple[int, tuple[str, ...]], Hierarchy] = {}
    for mount in mounts.read(mountinfo):
        if mount.kind == "cgroup":
            controllers = tuple(sorted(set(mount.options) - {"rw", "ro", "xattr", "clone_children"}))
            found.setdefault((1, controllers), Hierarchy(mount.point, 1, controllers))
        elif mount.kind == "cgroup2":
            found.setdefault((2, ()), Hierarchy(mount.point, 2))
    return tuple(found.values())


def placed(all_hierarchies: tuple[Hierarchy, ...]) -> tuple[Hierarchy, ...]:
    """Those that the lab's own processes are put into."""
    chosen = tuple(h for h in all_hierarchies if h.version == 2 or PLACED_IN in h.controllers)
    return chosen or all_hierarchies[:1]


def make(all_hierarchies: tuple[Hierarchy, ...], lab: str, owner: str, nodes: tuple[str, ...]) -> None:
    """Make the lab's cgroup and its nodes' in every hierarchy; the lab's is marked with its owner."""
    for hierarchy in all_hierarchies:
        _delegate(hierarchy, hierarchy.mount)
        for path in (lab, *nodes):
            folder = hierarchy.folder(path)
            folder.mkdir(exist_ok=True)
            _delegate(hierarchy, folder)
            _inherit_cpuset(hierarchy, folder)
        if not marks.read(hierarchy.folder(lab)):
            marks.write(hierarchy.folder(lab), owner)
        # A `down` that was killed half-way has left its stop to forks.
        _set_fork_limit(hierarchy, lab, "max")


def _delegate(hierarchy: Hierarchy, folder: Path) -> None:
    """V2: let the children of `folder` have the controllers that pods need (v1 has no such switch)."""
    if hierarchy.version == 1:
        return
    control = folder / "cgroup.subtree_control"
    there, enabled = (folder / "cgroup.controllers").read_text().split(), control.read_text().split()
    for name in V2_CONTROLLERS:
        if name in there and name not in enabled:
            control.write_text(f"+{name}")


def _inherit_cpuset(hierarchy: Hierarchy, folder: Path) -> None:
    """V1: a new cpuset has no processor and no memory node, and refuses processes until it has."""
    if "cpuset" not in hierarchy.controllers:
        return
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not (folder / name).read_text().strip():
            (folder / name).write_text((folder.parent / name).read_text())


def join(all_hierarchies: tuple[Hierarchy, ...], path: str) -> None:
    """Put the calling process into the cgroup `path`, made if it is missing."""
    for hierarchy in placed(all_hierarchies):
        folder = hierarchy.folder(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").write_text(str(os.getpid()))


def folders(hierarchy: Hierarchy, path: str) -> tuple[Path, ...]:
    """The cgroup `path` and everything below it, children first; () when it is not there."""
    return tuple(Path(name) for name, _, _ in os.walk(hierarchy.folder(path), topdown=False))


def members(all_hierarchies: tuple[Hierarchy, ...], path: str) -> frozenset[int]:
    """The processes in the cgroup `path` and below it, in any hierarchy."""
    return frozenset(
        pid for h in all_hierarchies for folder in folders(h, path) for pid in _processes(folder)
    )


def _processes(folder: Path) -> Iterator[int]:
    try:
        text = (folder / "cgroup.procs").read_text()
    except OSError:
        # Gone in the meantime, or a threaded v2 cgroup, whose processes its parent lists.
        return
    # 0 stands for a process that this pid namespace does not show.
    yield from (pid for pid in map(int, text.split()) if pid)


def stop_forks(all_hierarchies: tuple[Hierarchy, ...], path: str) -> None:
    """No process in the cgroup `path` can start another one any more (where "pids" is there)."""
    for hierarchy in all_hierarchies:
        _set_fork_limit(hierarchy, path, "0")


def _set_fork_limit(hierarchy: Hierarchy, path: str, limit: str) -> None:
    file = hierarchy.folder(path) / "pids.max"
    if file.exists():
        file.write_text(limit)


def thaw(all_hierarchies: tuple[Hierarchy, ...], path: str) -> None:
    """V1: a frozen process does not even die; v2's freezer lets SIGKILL through."""
    for hierarchy in all_hierarchies:
        if "freezer" in hierarchy.controllers:
            for folder in folders(hierarchy, path):
                (folder / "freezer.state").write_text("THAWED")


def kill_at_once(all_hierarchies: tuple[Hierarchy, ...], path: str) -> None:
    """V2: SIGKILL for everything in the cgroup `path` and below it (kernel 5.14 and later)."""
    for hierarchy in all_hierarchies:
        file = hierarchy.folder(path) / "cgroup.kill"
        if file.exists():
            file.write_text("1")


def remove(hierarchy: Hierarchy, path: str) -> tuple[Path, ...]:
    """Remove the cgroup `path` with everything below it; those that are still in use."""
    left = []
    for folder in folders(hierarchy, path):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            left.append(folder)
    return tuple(left)


def foreign_owner(hierarchy: Hierarchy, path: str, owner: str) -> str | None:
    """Who else has the cgroup `path`: another lab's root, "?" for one that no lab made, None for nobody.

    An unmarked one without processes is the work of an `up` that was killed in between, hence ours to take.
    """
    folder = hierarchy.folder(path)
    mark = marks.read(folder)
    if mark is None or mark == owner:
        return None
    if mark:
        return mark
    return "?" if members((hierarchy,), path) else None
