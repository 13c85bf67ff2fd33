# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that live below the lab's root and that `ip netns` knows by name.

`ip netns` opens what it finds in /run/netns, symbolic links included. So the mount that keeps a namespace alive is
below the lab's root, where `down` finds it, and /run/netns gets a link. No mount of ours is in /run/netns, hence it
need not be made a shared mount, which would be a change of the host (and which a later `ip netns add` would do on
top of our mounts, so that they could not be unmounted any more).
"""

import os
from pathlib import Path

from lab import marks, syscalls
from lab.errors import LabRefusedError


def inode(path: Path | str) -> int | None:
    """The number of the network namespace at `path`; None when there is no namespace."""
    try:
        return _namespace_inode(path)
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None


def _namespace_inode(path: Path | str) -> int | None:
    own, there = Path(syscalls.OWN_NET_NAMESPACE).stat(), Path(path).stat()
    # All namespace files are on one device, nsfs; the empty file below the mount is not.
    return there.st_ino if there.st_dev == own.st_dev else None


def of_process(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The number of a process's network namespace."""
    return inode(proc / str(pid) / "ns" / "net")


def check_link(link: Path, root: Path) -> None:
    """Raise LabRefusedError when the name is taken by something that is not below `root`."""
    if belongs(link, root) or not os.path.lexists(link):
        return
    target = f" (it leads to {link.readlink()})" if link.is_symlink() else ""
    raise LabRefusedError(
        f"cannot use {link.name} as a network namespace's name: {link} belongs to something else{target}; "
        f"choose another lab name, or remove the other one"
    )


def belongs(link: Path, root: Path) -> bool:
    """Whether `link` is a link that a lab below `root` made, be its target there or not."""
    return link.is_symlink() and link.readlink().is_relative_to(root)


def make(path: Path, link: Path) -> None:
    """Make a network namespace at `path`, and its name unless that is there."""
    path.parent.mkdir(exist_ok=True)
    path.touch()
    syscalls.new_network_namespace(path)
    make_link(link, path)


def make_link(link: Path, path: Path) -> None:
    """Give the namespace at `path` its name."""
    if link.is_symlink() and link.readlink() == path:
        return
    link.unlink(missing_ok=True)
    marks.make_inside(link.parent, lambda: link.symlink_to(path))


def links_into(folder: Path, root: Path) -> tuple[Path, ...]:
    """The names in `folder` (/run/netns) that lead below `root`."""
    if not folder.is_dir():
        return ()
    return tuple(link for link in sorted(folder.iterdir()) if belongs(link, root))


def holders(numbers: frozenset[int], proc: Path = Path("/proc")) -> tuple[str, ...]:
    """Who keeps namespaces with these numbers alive: "PID (NAME)" of every process with a thread in one."""
    found = []
    for folder in proc.iterdir():
        if folder.name.isdigit() and _inside(folder, numbers):
            try:
                name = (folder / "comm").read_text().strip()
            except OSError:
                continue
            found.append(f"{folder.name} ({name})")
    return tuple(found)


def _inside(folder: Path, numbers: frozenset[int]) -> bool:
    try:
        return any(inode(task / "ns" / "net") in numbers for task in (folder / "task").iterdir())
    except OSError:
        return False
