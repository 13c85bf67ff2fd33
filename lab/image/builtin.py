# SPDX-License-Identifier: Apache-2.0
"""The images that every lab has: pause, which holds a pod's namespaces, and busybox for demos and tests."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from lab.image.errors import ImageError
from lab.image.model import Directory, Entry, ImageSpec, Inline, LocalFile, Symlink
from lab.image.run import list_applets

PAUSE: Final = "docker.io/local/pause:1"
BUSYBOX: Final = "docker.io/local/busybox:1"
# Where Debian's packages of the same names put their static programs.
CATATONIT_PROGRAM: Final = Path("/usr/bin/catatonit")
BUSYBOX_PROGRAM: Final = Path("/bin/busybox")

# uname's name of a machine -> the name that images use (Go's GOARCH).
_ARCHITECTURES: Final = {
    "x86_64": "amd64", "i686": "386", "aarch64": "arm64", "armv7l": "arm",
    "loongarch64": "loong64", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x",
}  # fmt: skip

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BUSYBOX_FILES: Final[Mapping[str, Entry]] = {
    "/etc/passwd": Inline(
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
    ),
    "/etc/group": Inline(b"root:x:0:\nnogroup:x:65534:\n"),
    # busybox's DNS clients go through glibc, which without this line asks for services that are not here.
    "/etc/nsswitch.conf": Inline(b"hosts: files dns\n"),
    "/root": Directory(0o700),
    "/tmp": Directory(0o1777),
    "/var/www": Directory(),
}


def host_architecture() -> str:
    """This machine's architecture as images name it; raises ImageError for one that has no name here."""
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise ImageError(
            f"cannot name the architecture of this machine: {machine!r} is not one of {', '.join(_ARCHITECTURES)}"
        )
    return _ARCHITECTURES[machine]


def pause(catatonit: Path = CATATONIT_PROGRAM) -> ImageSpec:
    """catatonit as /pause, which sleeps, reaps and ends on SIGTERM."""
    _need(catatonit, PAUSE, package="catatonit")
    return ImageSpec(
        reference=PAUSE,
        files={"/pause": LocalFile(catatonit, 0o755)},
        architecture=host_architecture(),
        entrypoint=("/pause", "-P"),
    )


def busybox(program: Path = BUSYBOX_PROGRAM) -> ImageSpec:
    """busybox under every name it answers to; it runs a shell unless told otherwise."""
    _need(program, BUSYBOX, package="busybox-static")
    links = {f"/bin/{name}": Symlink("busybox") for name in list_applets(program) if name != "busybox"}
    return ImageSpec(
        reference=BUSYBOX,
        files={**_BUSYBOX_FILES, **links, "/bin/busybox": LocalFile(program, 0o755)},
        architecture=host_architecture(),
        cmd=("sh",),
        env={"PATH": _PATH},
    )


BUILTIN: Final[Mapping[str, Callable[[], ImageSpec]]] = {PAUSE: pause, BUSYBOX: busybox}


def _need(program: Path, reference: str, *, package: str) -> None:
    if not program.is_file():
        raise ImageError(
            f"cannot build {reference}: there is no {program}; install Debian's package {package}"
        )
