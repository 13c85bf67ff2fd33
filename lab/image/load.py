# SPDX-License-Identifier: Apache-2.0
"""Bring an image archive into a containerd, so that CRI finds it under its name."""

import socket as sockets
from collections.abc import Collection
from pathlib import Path

from lab.image.archive import read_images
from lab.image.builtin import PAUSE
from lab.image.errors import ImageLoadError
from lab.image.model import BuiltImage
from lab.image.run import run_ctr

# containerd's CRI plugin reports an image with this label as pinned, and image garbage collection spares it.
_PINNED = "io.cri-containerd.pinned=pinned"


def load(
    archive: Path, *, socket: Path, ctr: str = "ctr", pinned: Collection[str] = (PAUSE,)
) -> tuple[BuiltImage, ...]:
    """Import the images of an OCI layout archive that the containerd at `socket` does not have yet.

    Gives all images of the archive. Those named in `pinned` are protected from image garbage collection. Raises
    ImageError for a bad archive, ImageLoadError when ctr is missing, the socket is dead or containerd refuses.
    """
    images = read_images(archive)
    _check_socket(socket)
    rows = {image: _row(image, socket, ctr) for image in images}
    if not all(rows.values()):
        run_ctr(ctr, socket, "images", "import", str(archive))
    for image, row in rows.items():
        # Asked of those that were there as well: somebody may have been killed between import and label.
        if image.reference in pinned and _PINNED not in row:
            run_ctr(ctr, socket, "images", "label", image.reference, _PINNED)
    return images


def is_loaded(archive: Path, *, socket: Path, ctr: str = "ctr") -> bool:
    """Whether the containerd at `socket` has every image of the archive, each with the same digest."""
    images = read_images(archive)
    _check_socket(socket)
    return all(_row(image, socket, ctr) for image in images)


def _row(image: BuiltImage, socket: Path, ctr: str) -> str:
    """ctr's line about this very image, labels included; "" when it is not there or has another digest."""
    table = run_ctr(ctr, socket, "images", "list", f"name=={image.reference}")
    # REF TYPE DIGEST SIZE PLATFORMS LABELS, padded with spaces
    for line in table.splitlines():
        words = line.split()
        if words[:1] == [image.reference] and image.digest in words:
            return line
    return ""


def _check_socket(socket: Path) -> None:
    """ctr tries a dead socket for ten seconds; ask first."""
    with sockets.socket(sockets.AF_UNIX) as connection:
        try:
            connection.connect(str(socket))
        except OSError as error:
            raise ImageLoadError(
                f"cannot reach containerd at {socket}: {error.strerror or error}; is it running?"
            ) from error
