# SPDX-License-Identifier: Apache-2.0
"""Throw-away network namespaces for tests: made with a unique name, gone when the block ends."""

import contextlib
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lab import marks, syscalls
from lab.namespace import make
from netplugin.namespaces import opened, run_in

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace that `ip netns` knows by name; made the lab's way, which leaves the host's mounts alone."""

    name: str

    @property
    def path(self) -> str:
        return f"{tempfile.gettempdir()}/{self.name}"

    @property
    def link(self) -> Path:
        return Path("/run/netns", self.name)

    def run(
        self, *command: str, check: bool = True, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command inside; with check, a failure raises with what it printed."""
        done = subprocess.run(self.command(*command), input=stdin, capture_output=True, check=False, env=env)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} in {self.name}: {done.stdout!r} {done.stderr!r}")
        return done

    def start(self, *command: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Start a command inside and leave it running."""
        return subprocess.Popen(self.command(*command), **options)

    def command(self, *command: str) -> Sequence[str]:
        # not `ip netns exec`, which mounts another /sys
        return ("nsenter", f"--net={self.path}", "--", *command)

    def call(self, work: Callable[[], Result]) -> Result:
        """What a Python function returns when it is called inside, in a thread of this process."""
        with opened(self.path) as descriptor:
            return run_in(descriptor, work)

    def ip(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON of `ip`, e.g. ip("addr", "show", "eth0")."""
        output = self.run("ip", "-json", "-details", *arguments).stdout
        return [entry for entry in json.loads(output or b"[]") if entry]

    def links(self) -> dict[str, dict[str, Any]]:
        """Every interface but lo, by name."""
        return {link["ifname"]: link for link in self.ip("link", "show") if link["ifname"] != "lo"}

    def addresses(self, interface: str) -> list[str]:
        """The interface's addresses like 10.0.0.1/24, link-local ones left out."""
        [link] = self.ip("addr", "show", "dev", interface)
        infos = [info for info in link["addr_info"] if info.get("scope") != "link"]
        return [f"{info['local']}/{info['prefixlen']}" for info in infos]


@contextmanager
def namespace(label: str = "ns") -> Iterator[Namespace]:
    """A fresh namespace with lo up."""
    made = Namespace(f"t-{label}-{os.getpid()}-{secrets.token_hex(3)}")
    make(Path(made.path), made.link)
    try:
        made.run("ip", "link", "set", "lo", "up")
        yield made
    finally:
        remove(made)


def remove(made: Namespace) -> None:
    """Take the name and the mount away; the kernel frees the namespace when its last process ends."""
    made.link.unlink(missing_ok=True)
    marks.remove_folders(made.link.parent)
    with contextlib.suppress(OSError):
        syscalls.umount(Path(made.path), syscalls.MNT_DETACH)
    Path(made.path).unlink(missing_ok=True)
