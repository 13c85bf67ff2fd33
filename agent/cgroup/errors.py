# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with cgroups."""


class CgroupError(Exception):
    """An operation on a cgroup failed; the text names the operation, the path and the data."""


class CgroupPathError(CgroupError, ValueError):
    """A path that could leave the hierarchy, or a name that no cgroup can have."""


class CgroupGoneError(CgroupError):
    """The cgroup is not there (any more)."""


class CgroupBusyError(CgroupError):
    """A cgroup cannot be removed because processes still sit in it: `pids` as this process sees them."""

    def __init__(self, message: str, pids: tuple[int, ...]) -> None:
        """Keep the processes for a caller that may end them."""
        super().__init__(message)
        self.pids = pids
