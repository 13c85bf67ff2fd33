# SPDX-License-Identifier: Apache-2.0
"""Build an image: a description and local files in, an OCI image layout as one tar file out."""

import hashlib
import io
import os
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from lab.image import oci
from lab.image.check import check
from lab.image.errors import ImageError
from lab.image.layer import write_layer
from lab.image.model import Blob, BuiltImage, ImageSpec


def build(spec: ImageSpec, out: Path) -> BuiltImage:
    """Write the image to `out`, whole or not at all; the same description and files give the same bytes.

    Raises ImageSpecError for a description that makes no sense, ImageError for a file that cannot be read or
    written. The folder of `out` must exist.
    """
    check(spec)
    try:
        with tempfile.TemporaryFile(dir=out.parent) as layer_file:
            write_layer(spec, layer_file)
            return _write_archive(spec, layer_file, out)
    except OSError as error:
        raise ImageError(f"cannot build image {spec.reference} into {out}: {error.strerror}") from error


def _write_archive(spec: ImageSpec, layer_file: IO[bytes], out: Path) -> BuiltImage:
    layer = _address(layer_file)
    config_text = oci.config(spec, layer)
    config = oci.blob(oci.CONFIG_TYPE, config_text)
    manifest_text = oci.manifest(config, layer)
    manifest = oci.blob(oci.MANIFEST_TYPE, manifest_text)
    members: list[tuple[str, IO[bytes], int]] = [
        ("oci-layout", io.BytesIO(oci.LAYOUT), len(oci.LAYOUT)),
        ("index.json", *_bytes(oci.index(spec, manifest))),
        (_blob_path(manifest), *_bytes(manifest_text)),
        (_blob_path(config), *_bytes(config_text)),
        (_blob_path(layer), layer_file, layer.size),
    ]
    _replace(out, members)
    return BuiltImage(spec.reference, manifest.digest, config.digest, out)


def _address(layer_file: IO[bytes]) -> Blob:
    size = layer_file.tell()
    layer_file.seek(0)
    digest = hashlib.file_digest(layer_file, "sha256").hexdigest()  # type: ignore[arg-type]
    layer_file.seek(0)
    return Blob(oci.LAYER_TYPE, f"sha256:{digest}", size)


def _bytes(content: bytes) -> tuple[IO[bytes], int]:
    return io.BytesIO(content), len(content)


def _blob_path(blob: Blob) -> str:
    return "blobs/" + blob.digest.replace(":", "/")


def _replace(out: Path, members: list[tuple[str, IO[bytes], int]]) -> None:
    """Write the archive under another name and rename it: whoever reads `out` never sees half of it."""
    new = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as stream:
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for name, content, size in members:
                    info = tarfile.TarInfo(name)
                    info.size = size
                    archive.addfile(info, content)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(out)
    finally:
        new.unlink(missing_ok=True)
