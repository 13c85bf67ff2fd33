# SPDX-License-Identifier: Apache-2.0
"""What this machine is: processors, memory, disks, kernel, names. Files are read below roots that are given."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_HUGE_PAGES: Final = "hugepages-"


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the kernel and the distribution tell about themselves."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    etc: Path = Path("/etc")


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system: bytes and inodes. Some count no inodes: then inodes is 0 and says nothing."""

    size: int
    available: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the machine is up. huge_pages: bytes by size ("2Mi")."""

    cpus: int
    memory: int
    huge_pages: dict[str, int]
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is left right now: memory in bytes, and process ids, of how many."""

    memory_available: int
    pids_available: int
    pids: int


def read_machine(roots: Roots) -> Machine:
    """The machine; what cannot be read is "" or 0."""
    machine_id = _text(roots.etc / "machine-id")
    return Machine(
        cpus=os.cpu_count() or 1,
        memory=_meminfo(roots).get("MemTotal", 0),
        huge_pages=_huge_pages(roots),
        machine_id=machine_id,
        system_uuid=_text(roots.sys / "class/dmi/id/product_uuid").lower() or machine_id,
        boot_id=_text(roots.proc / "sys/kernel/random/boot_id"),
        kernel=platform.release(),
        os_image=_os_image(roots),
        architecture=architecture(platform.machine()),
    )


def read_pressure(roots: Roots) -> Pressure:
    """How much is left."""
    limit = int(_text(roots.proc / "sys/kernel/pid_max") or 0)
    threads = int(_text(roots.proc / "sys/kernel/threads-max") or 0)
    # "0.00 0.01 0.05 1/389 2345": the fourth word has running and all tasks (proc(5)).
    words = _text(roots.proc / "loadavg").split()
    tasks = int(words[3].partition("/")[2]) if len(words) > 3 else 0
    most = min(number for number in (limit, threads) if number) if limit or threads else 0
    return Pressure(_meminfo(roots).get("MemAvailable", 0), max(0, most - tasks), most)


def read_disk(path: Path) -> Disk:
    """The file system of a path that may not be there yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    block = found.f_frsize
    return Disk(found.f_blocks * block, found.f_bavail * block, found.f_files, found.f_favail)


def architecture(machine: str) -> str:
    """Go's word for an architecture of uname, as labels and images have it."""
    return _ARCHITECTURES.get(machine, machine)


def _meminfo(roots: Roots) -> dict[str, int]:
    """Bytes by name; the file's kB are KiB (proc(5))."""
    found = {}
    for line in _text(roots.proc / "meminfo").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[-1] == "kB":
            found[name] = int(words[0]) * 1024
    return found


def _huge_pages(roots: Roots) -> dict[str, int]:
    found = {}
    folder = roots.sys / "kernel/mm/hugepages"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        kib = int(path.name.removeprefix(_HUGE_PAGES).removesuffix("kB"))
        pages = int(_text(path / "nr_hugepages") or 0)
        size = f"{kib >> 20}Gi" if kib >= 1 << 20 else f"{kib >> 10}Mi" if kib >= 1 << 10 else f"{kib}Ki"
        found[size] = pages * kib * 1024
    return found


def _os_image(roots: Roots) -> str:
    for line in _text(roots.etc / "os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return "Linux"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
