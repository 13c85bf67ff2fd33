# SPDX-License-Identifier: Apache-2.0
"""The API server over an etcd that hangs, goes away, and has no room: clear answers, nothing lost, no restart."""

import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apiclient import ApiClient
from tests.support.apiprocess import ApiProcess
from tests.support.etcd import Etcd
from tests.support.wait import until

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def etcd() -> Iterator[Etcd]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ol-etcd-") as root:
        etcd = Etcd(Path(root), port=port)
        etcd.start()
        try:
            yield etcd
        finally:
            etcd.kill()


@pytest.fixture(scope="module")
def process(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("etcd")
    with ApiProcess(folder, store=f"etcd://127.0.0.1:{etcd._port}") as process:
        yield process


def write(admin: ApiClient, name: str) -> int:
    return admin.post(CONFIGMAPS, {"metadata": {"name": name}}).code


def writes_again(admin: ApiClient, name: str) -> None:
    """A write that was answered by 503 or 504 may have been done."""
    until(lambda: write(admin, name) in (201, 409), 60)


def follow(events: Iterator[dict[str, Any]], revision: str, last: str = "") -> tuple[list[str], str]:
    """Names until the watch ends, or that of the last one; and the revision to go on after."""
    names: list[str] = []
    for event in events:
        if event["type"] == "ERROR":
            assert event["object"]["code"] in (503, 504), event
            break
        metadata = event["object"]["metadata"]
        names.append(metadata["name"])
        revision = metadata["resourceVersion"]
        if metadata["name"] == last:
            break
    return names, revision


@pytest.mark.parametrize("outage", ["hung", "gone"])
def test_an_outage(etcd: Etcd, process: ApiProcess, outage: str) -> None:
    admin = process.admin()
    assert write(admin, f"{outage}-before") == 201
    begin = admin.get(CONFIGMAPS).json["metadata"]["resourceVersion"]
    with admin.watch(f"{CONFIGMAPS}?watch=1&resourceVersion={begin}") as events:
        if outage == "hung":
            assert etcd._process is not None
            etcd._process.send_signal(signal.SIGSTOP)
        else:
            etcd.kill()
        refused = admin.post(CONFIGMAPS, {"metadata": {"name": f"{outage}-during"}})
        assert refused.code in (503, 504)
        assert (refused.json["kind"], "etcd" in refused.json["message"]) == ("Status", True), refused.body
        assert admin.get(CONFIGMAPS).code in (503, 504)
        unready = admin.get("/readyz")
        assert (unready.code, b"[-]store failed: cannot" in unready.body) == (500, True), unready.body
        assert admin.get("/livez/ping").code == 200
        if outage == "hung":
            assert etcd._process is not None
            etcd._process.send_signal(signal.SIGCONT)
        else:
            etcd.start()
        writes_again(admin, f"{outage}-after")
        seen, revision = follow(events, begin, f"{outage}-after")
    while f"{outage}-after" not in seen:
        with admin.watch(f"{CONFIGMAPS}?watch=1&resourceVersion={revision}") as events:
            more, revision = follow(events, revision, f"{outage}-after")
        seen += more
    assert seen in ([f"{outage}-after"], [f"{outage}-during", f"{outage}-after"])
    names = {item["metadata"]["name"] for item in admin.get(CONFIGMAPS).json["items"]}
    assert {f"{outage}-before", f"{outage}-after"} <= names
    assert "Traceback" not in process.log
