# SPDX-License-Identifier: Apache-2.0
"""Which security modules the host's kernel runs."""

from pathlib import Path
from typing import Final

_APPARMOR: Final = "module/apparmor/parameters/enabled"
_SELINUX: Final = "fs/selinux/enforce"


def has_apparmor(sys: Path) -> bool:
    """Whether AppArmor is on; sys is where sysfs is mounted."""
    return _read(sys / _APPARMOR).startswith("Y")


def has_selinux(sys: Path) -> bool:
    """Whether SELinux is on, enforcing or not."""
    return _read(sys / _SELINUX) != ""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
