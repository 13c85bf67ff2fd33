# SPDX-License-Identifier: Apache-2.0
"""The files of one cgroup folder with exact types: cgroupspy behind one door, and our files of v2 beside its own.

cgroupspy describes a file by a descriptor on a Controller class. It knows v1 alone, carries no types, and
reads whole trees where its Tree is used; here a Node is made from a path and nothing else is touched.
"""

import errno
import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cgroupspy import controllers
from cgroupspy.interfaces import BaseFileInterface, CommaDashSetFile, DictFile, IntegerFile, ListFile
from cgroupspy.nodes import Node

from agent.cgroup.errors import CgroupError, CgroupGoneError

CpuV1 = controllers.CpuController
CpuAcctV1 = controllers.CpuAcctController
CpuSetV1 = controllers.CpuSetController
MemoryV1 = controllers.MemoryController

# cgroupspy has no type information, so its classes are Any to mypy; Files below gives the rest exact types.


class LimitFile(BaseFileInterface):  # type: ignore[misc]
    """A number, or "max" for no limit, which is None here."""

    def sanitize_get(self, value: str) -> int | None:
        """The file's text as a limit."""
        return None if value == "max" else int(value)

    def sanitize_set(self, value: int | None) -> str:
        """The limit as the file wants it; never None, which cgroupspy would not write."""
        return "max" if value is None else str(value)


class BandwidthFile(BaseFileInterface):  # type: ignore[misc]
    """cpu.max: "<quota or max> <period>", both microseconds; 20000 100000 is a fifth of one CPU."""

    def sanitize_get(self, value: str) -> tuple[int | None, int]:
        """(quota or None, period)."""
        quota, period = value.split()
        return None if quota == "max" else int(quota), int(period)

    def sanitize_set(self, value: tuple[int | None, int]) -> str:
        """Both numbers go in one write, so that no moment has a new period and an old quota."""
        quota, period = value
        return f"{'max' if quota is None else quota} {period}"


class SwitchesFile(ListFile):  # type: ignore[misc]
    """cgroup.subtree_control: reads as words, and is written as "+cpu" or "-cpu"."""

    readonly = False


class PidsV1(controllers.Controller):  # type: ignore[misc]
    """The pids controller, which is younger than cgroupspy."""

    max = LimitFile("pids.max")
    current = IntegerFile("pids.current", readonly=True)


class UnifiedV2(controllers.Controller):  # type: ignore[misc]
    """A cgroup of v2 (Documentation/admin-guide/cgroup-v2.rst): all controllers' files in one folder."""

    available = ListFile("cgroup.controllers")
    subtree_control = SwitchesFile("cgroup.subtree_control")
    cpu_weight = IntegerFile("cpu.weight")
    cpu_max = BandwidthFile("cpu.max")
    cpu_stat = DictFile("cpu.stat", readonly=True)
    memory_max = LimitFile("memory.max")
    memory_swap_max = LimitFile("memory.swap.max")
    memory_current = IntegerFile("memory.current", readonly=True)
    memory_peak = IntegerFile("memory.peak", readonly=True)
    memory_events = DictFile("memory.events", readonly=True)
    pids_max = LimitFile("pids.max")
    pids_current = IntegerFile("pids.current", readonly=True)
    cpuset_cpus = CommaDashSetFile("cpuset.cpus")


Value = int | str | tuple[int | None, int] | frozenset[int] | None


class Files:
    """The files of one cgroup folder, by the names of a controller class's descriptors."""

    def __init__(self, controller: type[Any], folder: Path) -> None:
        """Nothing is read or written yet, and the folder need not exist."""
        self.folder = folder
        self._controller = controller(Node(str(folder)))

    def has(self, name: str) -> bool:
        """Whether the kernel has this file here."""
        return (self.folder / self._filename(name)).exists()

    def integer(self, name: str) -> int | None:
        """A number; None for "max", for -1, and where the kernel has no such file."""
        value = self._read(name)
        return None if value is None else int(value)

    def counters(self, name: str) -> Mapping[str, int]:
        """A file of "name number" lines; empty where the kernel has none."""
        return dict(self._read(name) or {})

    def words(self, name: str) -> frozenset[str]:
        """A file of words."""
        return frozenset(self._read(name) or ())

    def numbers(self, name: str) -> frozenset[int]:
        """A file of numbers and ranges such as "0-3,7"."""
        return frozenset(self._read(name) or ())

    def bandwidth(self, name: str) -> tuple[int | None, int | None]:
        """(quota, period) in microseconds; None for no quota, and for both where the kernel has no such file."""
        value = self._read(name)
        return (None, None) if value is None else (value[0], value[1])

    def write(self, name: str, value: Value) -> None:
        """Write one file; raises CgroupError with the file, the data and the kernel's reason."""
        try:
            setattr(self._controller, name, value)
        except OSError as error:
            text = self._text(name, value)
            raise CgroupError(
                f"cannot write {text} to {self._filename(name)} of {self.folder}: {error.strerror}"
            ) from error

    def _read(self, name: str) -> Any:
        try:
            return getattr(self._controller, name)
        except FileNotFoundError as error:
            if not self.folder.is_dir():
                raise CgroupGoneError(f"cannot read {self.folder}: there is no such cgroup") from error
            return None
        except OSError as error:
            # ENODEV: the folder was removed while the file was open.
            kind = CgroupGoneError if error.errno == errno.ENODEV else CgroupError
            raise kind(f"cannot read {self._filename(name)} of {self.folder}: {error.strerror}") from error
        except ValueError as error:
            raise CgroupError(f"cannot read {self._filename(name)} of {self.folder}: {error}") from error

    def _interface(self, name: str) -> Any:
        return inspect.getattr_static(type(self._controller), name)

    def _filename(self, name: str) -> str:
        return os.fsdecode(self._interface(name).filename)

    def _text(self, name: str, value: Value) -> str:
        return str(self._interface(name).sanitize_set(value))
