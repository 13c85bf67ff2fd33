# SPDX-License-Identifier: Apache-2.0
"""Which containerd, shim and runc a lab runs: those of a folder, or the installed ones."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import run
from lab.errors import LabError

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHIM = "containerd-shim-runc-v2"
# A flat folder, or what `dpkg -x` and the upstream archives unpack.
_PLACES = (".", "bin", "sbin", "usr/bin", "usr/sbin")
_VERSION = re.compile(r"(?<![\d.])v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """Absolute paths of the programs that a node runs."""

    containerd: Path
    shim: Path
    runc: Path

    def path(self, inherited: str) -> str:
        """A PATH on which these come first."""
        own = dict.fromkeys(str(program.parent) for program in (self.containerd, self.shim, self.runc))
        return ":".join([*own, inherited or DEFAULT_PATH])


def find(folder: str, path: str) -> Binaries:
    """The programs in `folder`, those that it lacks (usually runc) from `path`, a PATH; "" for no folder."""
    search = path or DEFAULT_PATH
    if folder:
        if not Path(folder).is_dir():
            raise LabError(f"cannot use containerd from {folder}: there is no such folder")
        search = ":".join([*(str(Path(folder, place).absolute()) for place in _PLACES), search])
    return Binaries(
        containerd=_find("containerd", search, folder),
        shim=_find(SHIM, search, folder),
        runc=_find("runc", search, ""),
    )


def _find(name: str, search: str, folder: str) -> Path:
    found = shutil.which(name, path=search)
    if found is None:
        raise LabError(
            f"cannot find {name}: install the packages containerd and runc (Debian), or add it to PATH"
        )
    if folder and not Path(found).is_relative_to(Path(folder).absolute()):
        raise LabError(f"cannot use containerd from {folder}: there is no {name} in it")
    return Path(os.path.normpath(found))


def version(binaries: Binaries) -> tuple[int, int, int]:
    """containerd's version, by asking it."""
    return parse_version(run.output((str(binaries.containerd), "--version")))


def parse_version(text: str) -> tuple[int, int, int]:
    """The version in what `containerd --version` prints."""
    found = _VERSION.search(text)
    if found is None:
        raise LabError(f"cannot tell containerd's version from {text.strip()!r}")
    return int(found[1]), int(found[2]), int(found[3])
