# SPDX-License-Identifier: Apache-2.0
"""The pods' cgroups of one machine, whichever version its kernel speaks.

Every path is a cgroup's path within the hierarchy ("/orlop/kubepods/burstable/pod-default-web-1a2b3c4d"). All
calls are short file operations and may be made from any thread; two calls for one path must not overlap.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.cgroup import layout, tree
from agent.cgroup.errors import CgroupBusyError, CgroupError, CgroupGoneError
from agent.cgroup.model import CgroupLimits, CgroupState, QosClass
from agent.cgroup.v1 import HierarchiesV1, find_hierarchies
from agent.cgroup.v2 import HierarchyV2


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Makes, reads and removes cgroups; `kernel` does what differs between v1 and v2."""

    kernel: HierarchiesV1 | HierarchyV2

    @property
    def unified(self) -> bool:
        """Whether this is cgroup v2."""
        return isinstance(self.kernel, HierarchyV2)

    def ensure(self, path: str, limits: CgroupLimits) -> None:
        """Make the cgroup and all above it where they are missing, and its limits equal to `limits`.

        Raises CgroupError, with the file, the data and the kernel's reason.
        """
        path = layout.clean_path(path)
        for above in layout.ancestors(path):
            self.kernel.make(above)
            if (level := layout.ancestor_limits(above)) is not None:
                self.kernel.write_limits(above, level)
        self.kernel.make(path)
        self.kernel.write_limits(path, limits)

    def read(self, path: str) -> CgroupState:
        """Limits and usage as the kernel states them; raises CgroupGoneError where there is no such cgroup."""
        path = layout.clean_path(path)
        folders = self._folders(path)
        if not folders:
            raise CgroupGoneError(f"cannot read cgroup {path}: there is none")
        return CgroupState(path, self.kernel.read_limits(path), self.kernel.read_usage(path), folders)

    def remove(self, path: str) -> None:
        """Remove the cgroup and all below it in every hierarchy; what is gone is fine, and nothing is killed.

        Every hierarchy is tried. Raises CgroupBusyError, with the processes, when some sit in it.
        """
        path = layout.clean_path(path)
        if path == "/":
            raise CgroupError("cannot remove cgroup /: it is the root of the hierarchy")
        problems: list[CgroupError] = []
        for folder in self._folders(path):
            try:
                tree.remove(folder)
            except CgroupError as error:
                problems.append(error)
        if problems:
            raise _together(path, problems)

    def list_pods(self, root: str) -> tuple[str, ...]:
        """The cgroups of pods below `root`, sorted; one that is left over in a single hierarchy is among them."""
        levels = {layout.qos_cgroup(root, qos) for qos in QosClass}
        return tuple(
            sorted(
                {
                    f"{level}/{child.name}"
                    for level in levels
                    for folder in self._folders(level)
                    for child in tree.children(folder) or ()
                    if layout.is_pod(child.name)
                }
            )
        )

    def processes(self, path: str) -> tuple[int, ...]:
        """The pids in the cgroup and below it, in any hierarchy, sorted; none where it is gone."""
        found = {
            pid
            for folder in self._folders(layout.clean_path(path))
            for cgroup in tree.bottom_up(folder)
            for pid in tree.processes(cgroup)
        }
        return tuple(sorted(found))

    def _folders(self, path: str) -> tuple[Path, ...]:
        folders = (tree.inside(hierarchy, path) for hierarchy in self.kernel.folders)
        return tuple(folder for folder in folders if folder.is_dir())


def open_cgroups(mount: Path = Path("/sys/fs/cgroup")) -> Cgroups:
    """The cgroups mounted at `mount`: v2 if it is one itself, else the v1 hierarchies in its folders.

    A hybrid machine (v1 hierarchies with an empty v2 beside them) counts as v1. Raises CgroupError where
    neither is found.
    """
    if (mount / "cgroup.controllers").is_file():
        return Cgroups(HierarchyV2(mount))
    hierarchies = find_hierarchies(mount) if mount.is_dir() else None
    if hierarchies is None:
        raise CgroupError(
            f"cannot use cgroups at {mount}: neither v2 (a file cgroup.controllers) nor v1 (folders such as "
            "memory, with a file cgroup.procs) is mounted there"
        )
    return Cgroups(hierarchies)


def _together(path: str, problems: list[CgroupError]) -> CgroupError:
    """One error for the same trouble in several hierarchies."""
    pids = sorted(
        {pid for problem in problems if isinstance(problem, CgroupBusyError) for pid in problem.pids}
    )
    if not pids:
        return problems[0]
    shown = ", ".join(map(str, pids[:10])) + (f" and {len(pids) - 10} more" if len(pids) > 10 else "")
    return CgroupBusyError(f"cannot remove cgroup {path}: processes {shown} sit in it", tuple(pids))
