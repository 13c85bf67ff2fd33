# SPDX-License-Identifier: Apache-2.0
"""A real image registry for tests: Debian's docker-registry on the loopback of a network namespace.

The package is unpacked into the user's cache, never installed, so that no service of it starts anywhere. Its data
is in a folder of the test's, and it dies with the test run.
"""

import base64
import http.client
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.image.archive import read_blob, read_images
from lab.image.oci import MANIFEST_TYPE
from netplugin.namespaces import opened, run_in
from tests.support import releases

ADDRESS = "127.0.0.1"
PORT = 5000
DEADLINE = 30
PACKAGE = "docker-registry"

CONFIG = """
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {root}/data}}
http: {{addr: {address}:{port}}}
"""
BASIC_AUTH = """
auth:
  htpasswd: {{realm: test, path: {root}/htpasswd}}
"""
USER, PASSWORD = "me", "secret"
# bcrypt, the only kind that the registry takes, of USER's PASSWORD.
HTPASSWD = "me:$2b$05$RCZvD7VWZyY/x7zHlLUsiu2xZoxzV9b1T/OeT/rl9yFdVoofPp02O\n"


class RegistryError(Exception):
    """The registry did not answer as its interface says; carries what it answered."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that answers at `host` within the network namespace at `network`."""

    network: str
    host: str = f"{ADDRESS}:{PORT}"
    private: bool = False

    def push(self, archive: Path) -> str:
        """Upload the only image of an OCI archive; gives the digest that the registry has it under.

        The image's reference must name this registry.
        """
        (image,) = read_images(archive)
        repository, _, tag = image.reference.removeprefix(f"{self.host}/").rpartition(":")
        manifest = read_blob(archive, image.digest)
        described = json.loads(manifest)
        for blob in (described["config"], *described["layers"]):
            self._upload(repository, blob["digest"], read_blob(archive, blob["digest"]))
        headers = {"Content-Type": MANIFEST_TYPE}
        answer = self._ask("PUT", f"/v2/{repository}/manifests/{tag}", 201, manifest, headers)
        return str(answer["Docker-Content-Digest"])

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            self._ask("GET", "/v2/", 200)
        except OSError:
            return False
        return True

    def _upload(self, repository: str, digest: str, content: bytes) -> None:
        """In one piece: ask where to, then put it there."""
        where = self._ask("POST", f"/v2/{repository}/blobs/uploads/", 202)["Location"]
        target = where.partition(self.host)[2] + f"&digest={digest}"
        self._ask("PUT", target, 201, content, {"Content-Type": "application/octet-stream"})

    def _authorization(self) -> dict[str, str]:
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return {"Authorization": f"Basic {credentials}"} if self.private else {}

    def _ask(
        self,
        method: str,
        target: str,
        expected: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The answer's headers; the connection is made inside the namespace."""

        def exchange() -> http.client.HTTPMessage:
            connection = http.client.HTTPConnection(self.host, timeout=DEADLINE)
            try:
                connection.request(method, target, body, {**(headers or {}), **self._authorization()})
                answer = connection.getresponse()
                text = answer.read()
            finally:
                connection.close()
            if answer.status != expected:
                raise RegistryError(f"{method} {target}: {answer.status} {text.decode(errors='replace')}")
            return answer.headers

        with opened(self.network) as descriptor:
            return run_in(descriptor, exchange)


@contextmanager
def running_registry(network: str, *, port: int = PORT, private: bool = False) -> Iterator[Registry]:
    """A registry in the network namespace at `network` ("/proc/7/ns/net"), gone when the context ends.

    A private one lets only USER in, with PASSWORD.
    """
    program = registry_program()
    root = Path(tempfile.mkdtemp(prefix="orlop-registry-"))
    config = CONFIG + (BASIC_AUTH if private else "")
    (root / "config.yml").write_text(config.format(root=root, address=ADDRESS, port=port))
    (root / "htpasswd").write_text(HTPASSWD)
    with (root / "log").open("wb") as log:
        # Whatever ends the test run ends the registry.
        process = subprocess.Popen(
            [
                *("nsenter", f"--net={network}", "--", "setpriv", "--pdeathsig", "KILL", "--"),
                *(str(program), "serve", str(root / "config.yml")),
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    registry = Registry(network, f"{ADDRESS}:{port}", private)
    try:
        _wait_for(registry, process)
        yield registry
    except BaseException as error:
        error.add_note((root / "log").read_text()[-4000:])
        raise
    finally:
        process.kill()
        process.wait(DEADLINE)
        shutil.rmtree(root)


def _wait_for(registry: Registry, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + DEADLINE
    while not registry.answers():
        assert process.poll() is None, f"the registry ended with {process.returncode}"
        assert time.monotonic() < deadline, f"the registry does not answer within {DEADLINE} s"
        time.sleep(0.01)


def registry_program(cache: Path | None = None) -> Path:
    """The unpacked program, downloaded at the first call; skips the test when apt does not know it."""
    with releases._locked(cache or releases.default_cache(), PACKAGE) as folder:
        if not folder.exists():
            _unpack(folder)
    return folder / PACKAGE


def _unpack(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{PACKAGE}-apt-") as temporary:
        try:
            unpacked = releases.Apt(Path(temporary)).unpack(releases._codename(), [PACKAGE])
        except releases.NoSuchReleaseError as error:
            pytest.skip(f"{PACKAGE}: {error}")
        with releases._staged(folder) as stage:
            shutil.copy2(unpacked / "usr/bin" / PACKAGE, stage / PACKAGE)
