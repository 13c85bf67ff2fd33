# SPDX-License-Identifier: Apache-2.0
"""An image's only layer: a tar whose bytes depend on the description and the files' contents alone.

Entries are sorted by path, belong to 0:0, carry no user names, and are as old as the epoch. The layer is not
compressed: gzip's output differs between versions of zlib, so a compressed digest would not be the same on
every machine; the archive never crosses a network; and unpacking it costs no time.
"""

import io
import stat
import tarfile
from pathlib import Path
from typing import IO

from lab.image.check import folders_above
from lab.image.errors import ImageError
from lab.image.model import Directory, Entry, ImageSpec, Inline, LocalFile, Symlink


def write_layer(spec: ImageSpec, stream: IO[bytes]) -> None:
    """Write the layer of a checked description; raises ImageError for a local file that cannot be read."""
    entries: dict[str, Entry] = {**spec.files, **folders_above(spec)}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        # A folder comes before what is in it, also where a sibling's name sorts before the slash.
        for path in sorted(entries, key=lambda path: path.split("/")):
            info, content = _member(path, entries[path], spec.reference)
            archive.addfile(info, io.BytesIO(content))


def _member(path: str, entry: Entry, reference: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path.lstrip("/"))
    content = b""
    match entry:
        case Directory(mode):
            info.type, info.mode = tarfile.DIRTYPE, mode
        case Symlink(target):
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
        case Inline(content, mode):
            info.mode = mode
        case LocalFile(local, mode):
            content, executable = _read(local, f"{path} of {reference}")
            info.mode = mode if mode is not None else 0o755 if executable else 0o644
    info.size = len(content)
    return info, content


def _read(local: Path, wanted_for: str) -> tuple[bytes, bool]:
    """The file's content, and whether its owner may execute it."""
    try:
        mode = local.stat().st_mode
        # A device or a pipe could be read for ever.
        if not stat.S_ISREG(mode):
            raise ImageError(f"cannot build image: {local}, wanted for {wanted_for}, is not a regular file")
        return local.read_bytes(), bool(mode & stat.S_IXUSR)
    except OSError as error:
        raise ImageError(f"cannot build image: {local}, wanted for {wanted_for}: {error.strerror}") from error
