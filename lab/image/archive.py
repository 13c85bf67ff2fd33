# SPDX-License-Identifier: Apache-2.0
"""Read an image archive: which images are in it, and its blobs."""

import json
import tarfile
from pathlib import Path
from typing import Any

from lab.image.errors import ImageError
from lab.image.model import BuiltImage
from lab.image.oci import NAME_ANNOTATION


def read_images(path: Path) -> tuple[BuiltImage, ...]:
    """The named images of an OCI layout archive; costs two small reads.

    Raises ImageError for a file that is no such archive or names no image.
    """
    try:
        with tarfile.open(path) as archive:
            images = tuple(
                _image(archive, entry, path) for entry in _json(archive, "index.json")["manifests"]
            )
    except (OSError, tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise ImageError(f"cannot read {path} as an OCI image archive: {error}") from error
    if not images:
        raise ImageError(f"cannot use {path}: no image is in it")
    return images


def read_blob(path: Path, digest: str) -> bytes:
    """The content that `digest` ("sha256:<hex>") names."""
    try:
        with tarfile.open(path) as archive:
            return _read(archive, "blobs/" + digest.replace(":", "/"))
    except (OSError, tarfile.TarError, KeyError) as error:
        raise ImageError(f"cannot read {digest} from {path}: {error}") from error


def _image(archive: tarfile.TarFile, entry: dict[str, Any], path: Path) -> BuiltImage:
    name = entry.get("annotations", {}).get(NAME_ANNOTATION)
    if not name:
        raise ValueError(f"an image has no annotation {NAME_ANNOTATION}")
    manifest = _json(archive, "blobs/" + entry["digest"].replace(":", "/"))
    return BuiltImage(name, entry["digest"], manifest["config"]["digest"], path)


def _json(archive: tarfile.TarFile, name: str) -> Any:
    return json.loads(_read(archive, name))


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise KeyError(f"{name} is not a file")
    return stream.read()
