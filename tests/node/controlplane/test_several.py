# SPDX-License-Identifier: Apache-2.0
"""Two control planes over one etcd, with TLS and client certificates: one is killed, the other takes its work over."""

import asyncio
import shutil
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kube.client import Client
from kube.errors import ApiStatusError
from kube.informer import Informer
from kube.kinds import CONFIG_MAPS, DEPLOYMENTS, LEASES, PODS, SERVICE_ACCOUNTS
from tests.support.certificates import Authority
from tests.support.controlplane_process import ControlPlaneProcess
from tests.support.etcd import running_etcd
from tests.support.eventually import eventually, in_background

Json = dict[str, Any]

SECONDS = 90.0
LEASE = "kube-controller-manager"


def deployment(replicas: int) -> Json:
    labels = {"app": "web"}
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.com/web:1"}]},
            },
        },
    }


def server(folder: Path, etcd_port: int, tls: dict[str, str]) -> ControlPlaneProcess:
    # The pause of a loaded machine must not cost the leader its Lease over and over.
    timing = {"leaseSeconds": 6, "renewSeconds": 4, "retrySeconds": 0.5}
    store = f"etcd://127.0.0.1:{etcd_port}"
    return ControlPlaneProcess(folder, store=store, etcd=tls, leaderElection=timing)


async def until(question: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                if await question():
                    return
            except ApiStatusError as error:
                if not error.is_not_found:
                    raise
            await asyncio.sleep(0.05)


async def holder(client: Client) -> str:
    lease = await client.get(LEASES, LEASE, "kube-system")
    name: str = lease["spec"]["holderIdentity"]
    return name


async def steps(first: ControlPlaneProcess, second: ControlPlaneProcess) -> None:
    async with first.client() as one, second.client() as two:
        pods = Informer(two, PODS)

        async def has_account() -> bool:
            return bool((await two.list(SERVICE_ACCOUNTS, "default"))["items"])

        await until(has_account)
        leader = await holder(two)
        async with in_background(pods.run()):
            await one.create(DEPLOYMENTS, deployment(2))
            await eventually(lambda: len(pods) == 2, SECONDS)
            await one.create(CONFIG_MAPS, {"metadata": {"name": "last", "namespace": "default"}})
            await asyncio.to_thread(first.kill)
            await two.get(CONFIG_MAPS, "last", "default")
            await two.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, namespace="default")
            # Only a controller makes pods, and the one that did is dead.
            await eventually(lambda: len(pods) == 5, SECONDS)
            assert await holder(two) != leader
            await two.delete(DEPLOYMENTS, "web", "default", propagation="Background")
            await eventually(lambda: len(pods) == 0, SECONDS)


def test_the_other_takes_over(tmp_path: Path) -> None:
    authority = Authority("etcd-ca")
    files = {}
    for name, (certificate, key) in {
        "server": authority.issue("localhost"),
        "client": authority.issue("orlop"),
    }.items():
        for end, text in (("pem", certificate), ("key", key)):
            files[f"{name}.{end}"] = tmp_path / f"{name}.{end}"
            files[f"{name}.{end}"].write_bytes(text)
    files["ca"] = tmp_path / "ca.pem"
    files["ca"].write_bytes(authority.pem)
    tls = {
        "ca": str(files["ca"]),
        "certificate": str(files["client.pem"]),
        "key": str(files["client.key"]),
        "serverName": "localhost",
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = (files["ca"], files["server.pem"], files["server.key"])
    with running_etcd(tls=served, port=port), server(tmp_path / "first", port, tls) as first:
        second = server(tmp_path / "second", port, tls)
        (second.folder / "pki").mkdir()
        for name in ("ca.crt", "ca.key", "sa.key"):
            shutil.copy2(first.folder / "pki" / name, second.folder / "pki" / name)
        with second:
            asyncio.run(steps(first, second))


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        ({}, "cannot reach etcd"),
        ({"ca": "{folder}/none.pem"}, "cannot use etcd: cannot read {folder}/none.pem: No such file"),
    ],
)
def test_what_cannot_be_reached_is_told(tls: dict[str, str], reason: str, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        words = {name: text.format(folder=tmp_path) for name, text in tls.items()}
        refused = server(tmp_path / "cp", nobody.getsockname()[1], words)
        refused.launch()
        assert refused.ended() == 1
    assert reason.format(folder=tmp_path) in refused.log
