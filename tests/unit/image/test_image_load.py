# SPDX-License-Identifier: Apache-2.0
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.image.archive import read_images
from lab.image.build import build
from lab.image.errors import ImageError, ImageLoadError
from lab.image.load import is_loaded, load
from lab.image.model import ImageSpec


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return build(ImageSpec("localhost/a:1", {}, "amd64"), tmp_path / "a.tar").path


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket that somebody listens on, so that only ctr is missing."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(8)
        yield path


def test_a_dead_socket_is_named_at_once(tmp_path: Path, archive: Path) -> None:
    for path in (tmp_path / "none", archive):
        with pytest.raises(ImageLoadError, match=f"cannot reach containerd at {path}: .*is it running"):
            load(archive, socket=path)
        with pytest.raises(ImageLoadError, match="cannot reach containerd"):
            is_loaded(archive, socket=path)


def test_a_missing_ctr_is_named_with_its_package(listening: Path, archive: Path) -> None:
    with pytest.raises(
        ImageLoadError, match="the program /no/ctr is missing; Debian's package containerd has it"
    ):
        load(archive, socket=listening, ctr="/no/ctr")


def test_what_ctr_says_is_in_the_error_with_the_command(
    tmp_path: Path, listening: Path, archive: Path
) -> None:
    ctr = tmp_path / "ctr"
    ctr.write_text("#!/bin/sh\necho no space >&2\nexit 1\n")
    ctr.chmod(0o755)
    with pytest.raises(ImageLoadError, match=r"ctr --address .* exit code 1: no space"):
        load(archive, socket=listening, ctr=str(ctr))


def test_only_what_is_missing_is_done(tmp_path: Path, listening: Path, archive: Path) -> None:
    """A ctr that answers from a file and keeps what it was asked."""
    answers, asked, ctr = tmp_path / "answers", tmp_path / "asked", tmp_path / "ctr"
    ctr.write_text(f'#!/bin/sh\nshift 4\necho "$2" >>{asked}\n[ "$2" != list ] || cat {answers}\n')
    ctr.chmod(0o755)
    (image,) = read_images(archive)
    row = f"{image.reference}  a-type  {image.digest}  1.0 KiB  linux/amd64"
    pin = "io.cri-containerd.pinned=pinned"
    for answer, expected in (
        ("REF\n", ["list", "import", "label"]),
        (row.replace(image.digest, "sha256:other") + f"  {pin}\n", ["list", "import", "label"]),
        (row + "  io.cri-containerd.image=managed\n", ["list", "label"]),
        (row + f"  io.cri-containerd.image=managed,{pin}\n", ["list"]),
    ):
        answers.write_text(answer)
        asked.unlink(missing_ok=True)
        assert load(archive, socket=listening, ctr=str(ctr), pinned=[image.reference]) == (image,)
        assert asked.read_text().split() == expected


def test_a_bad_archive_is_refused_before_containerd_is_asked(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(os.urandom(2000))
    with pytest.raises(ImageError, match="as an OCI image archive"):
        load(tmp_path / "bad", socket=tmp_path / "none")
