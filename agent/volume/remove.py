# SPDX-License-Identifier: Apache-2.0
"""Removing a tree that a container filled: of any depth, with any names, and never through a mount or a link."""

import os
import secrets
from pathlib import Path

from agent.volume.errors import VolumeError
from agent.volume.walk import Entry, entries, open_folder, opened


def remove_tree(path: Path) -> None:
    """Remove path and everything below; a path that is not there is fine. Raises VolumeError naming what refuses.

    Folders inside folders are first moved up to the top, so that a tree of any depth takes one descriptor more and no
    recursion. Whatever is mounted inside is left, with its content.
    """
    try:
        with opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) as top:
            _empty(top)
        path.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        where = f"{path}/{error.filename}" if error.filename not in (None, str(path)) else path
        raise VolumeError(f"cannot remove {where}: {error.strerror}") from error


def _empty(top: int) -> None:
    while found := list(entries(top)):
        for entry in found:
            if entry.is_folder:
                _flatten(top, entry)
            else:
                _unlink(entry)


def _flatten(top: int, entry: Entry) -> None:
    """Take everything out of one folder of the top level, and remove it."""
    inner = open_folder(top, entry.name)
    try:
        for each in entries(inner):
            if each.is_folder:
                os.rename(each.name, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
            else:
                _unlink(each)
    finally:
        os.close(inner)
    os.rmdir(entry.name, dir_fd=top)


def _unlink(entry: Entry) -> None:
    os.unlink(entry.name, dir_fd=entry.folder)
