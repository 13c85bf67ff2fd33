# SPDX-License-Identifier: Apache-2.0
"""The few file operations that an allocation needs, each of them whole or not at all under SIGKILL."""

import os
import secrets
from pathlib import Path

TEMPORARY = ".tmp-"


def create(path: Path, content: bytes) -> bool:
    """Make a file that nobody sees half-written; False when there is one already."""
    temporary = _write_temporary(path.parent, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def replace(path: Path, content: bytes) -> None:
    """Put new content in place of the old, in one step."""
    _write_temporary(path.parent, content).replace(path)


def sweep(folder: Path) -> None:
    """Remove what a killed writer left; only under the lock, where no writer lives."""
    with os.scandir(folder) as entries:
        for left in [entry.path for entry in entries if entry.name.startswith(TEMPORARY)]:
            Path(left).unlink(missing_ok=True)


def _write_temporary(folder: Path, content: bytes) -> Path:
    path = folder / f"{TEMPORARY}{secrets.token_hex(6)}"
    path.write_bytes(content)
    return path
