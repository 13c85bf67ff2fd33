# SPDX-License-Identifier: Apache-2.0
"""The images that every lab has: pause for sandboxes, busybox for demos; built from this machine's own files."""

import os
from pathlib import Path

from lab import Lab, binaries
from lab.image.build import build
from lab.image.builtin import busybox, pause
from lab.image.load import load

SPECS = {"pause": pause, "busybox": busybox}


def load_images(lab: Lab) -> None:
    """Build what is not built yet, and load it into the nodes that lack it. Raises lab.image's ImageError."""
    for archive in build_archives(lab.paths.root / "images"):
        for node in lab.paths.nodes:
            load(archive, socket=node.containerd_socket, ctr=ctr_of(lab))


def build_archives(folder: Path) -> list[Path]:
    """The archives in this folder, built anew each time: the same files give the same bytes."""
    folder.mkdir(exist_ok=True)
    return [build(make(), folder / f"{name}.tar").path for name, make in SPECS.items()]


def ctr_of(lab: Lab) -> str:
    """The ctr that belongs to the lab's containerd."""
    found = binaries.find(lab.spec.containerd_folder, os.environ.get("PATH", ""))
    beside = found.containerd.with_name("ctr")
    return str(beside) if beside.exists() else "ctr"
