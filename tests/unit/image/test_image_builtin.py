# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from lab.image.builtin import BUSYBOX, PAUSE, busybox, pause
from lab.image.errors import ImageError
from lab.image.model import Directory, LocalFile, Symlink


def test_pause_is_catatonit_and_nothing_else(tmp_path: Path) -> None:
    program = tmp_path / "catatonit"
    program.write_bytes(b"")
    spec = pause(program)
    assert (spec.reference, spec.entrypoint, spec.cmd) == (PAUSE, ("/pause", "-P"), ())
    assert spec.files == {"/pause": LocalFile(program, 0o755)}


def test_busybox_has_a_link_for_each_of_its_names(tmp_path: Path) -> None:
    program = tmp_path / "busybox"
    program.write_text("#!/bin/sh\necho '['; echo busybox; echo httpd; echo sh\n")
    program.chmod(0o755)
    spec = busybox(program)
    assert (spec.reference, spec.cmd) == (BUSYBOX, ("sh",))
    assert "/bin" in spec.env["PATH"].split(":")
    links = {path for path, entry in spec.files.items() if entry == Symlink("busybox")}
    assert links == {"/bin/[", "/bin/httpd", "/bin/sh"}
    assert spec.files["/bin/busybox"] == LocalFile(program, 0o755)
    assert spec.files["/tmp"] == Directory(0o1777)


@pytest.mark.parametrize(("make", "package"), [(pause, "catatonit"), (busybox, "busybox-static")])
def test_a_missing_program_is_named_with_its_package(tmp_path: Path, make: object, package: str) -> None:
    assert callable(make)
    with pytest.raises(ImageError, match=f"there is no {tmp_path}/gone; install Debian's package {package}"):
        make(tmp_path / "gone")


def test_a_program_that_is_no_busybox_is_named(tmp_path: Path) -> None:
    program = tmp_path / "busybox"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ImageError, match="cannot list the applets of busybox"):
        busybox(program)
