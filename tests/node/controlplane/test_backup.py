# SPDX-License-Identifier: Apache-2.0
"""`orlop controlplane backup` and `restore` as a user calls them, with servers of their own processes."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from kube.client import Client
from kube.config import from_file
from kube.errors import ApiStatusError
from kube.kinds import CONFIG_MAPS, SERVICE_ACCOUNTS, Kind
from tests.support.controlplane_process import ControlPlaneProcess, orlop

Json = dict[str, Any]

REVIEWS = Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
WRITERS = 4


async def token_of_default(client: Client) -> str:
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"namespace": "default"},
        "spec": {"audiences": [], "expirationSeconds": 3600},
    }
    answer = await client.create(SERVICE_ACCOUNTS, request, subresource="token", name="default")
    token: str = answer["status"]["token"]
    return token


async def has_account(client: Client) -> None:
    async with asyncio.timeout(60):
        while not (await client.list(SERVICE_ACCOUNTS, "default"))["items"]:
            await asyncio.sleep(0.05)


async def write_until(stop: asyncio.Event, client: Client, writer: int) -> list[Json]:
    made = []
    while not stop.is_set():
        name = f"w{writer}-{len(made)}"
        obj = {"metadata": {"name": name, "namespace": "default"}, "data": {"text": "x" * 500}}
        made.append(await client.create(CONFIG_MAPS, obj))
    return made


async def back_up_under_writers(server: ControlPlaneProcess, target: Path) -> tuple[list[Json], str]:
    """Objects that were made before, while and after; a token."""
    async with server.client() as client:
        await has_account(client)
        token = await token_of_default(client)
        stop = asyncio.Event()
        writers = [asyncio.create_task(write_until(stop, client, number)) for number in range(WRITERS)]
        command = ("controlplane", "backup", "--config", str(server.config), str(target))
        done = await asyncio.to_thread(orlop, *command)
        stop.set()
        made = [obj for part in await asyncio.gather(*writers) for obj in part]
        assert f"{target}: " in done.stdout
        return made, token


def test_a_backup_under_writers_becomes_a_server_with_the_same_objects_and_keys(tmp_path: Path) -> None:
    archive = tmp_path / "copies" / "one.tar"
    archive.parent.mkdir()
    with ControlPlaneProcess(tmp_path / "first") as first:
        made, token = asyncio.run(back_up_under_writers(first, archive))
        assert stat.S_IMODE(archive.stat().st_mode) == 0o600
        assert [path.name for path in archive.parent.iterdir()] == ["one.tar"]
        refused = orlop(
            "controlplane", "restore", "--config", str(first.config), "--force", str(archive), check=False
        )
        assert "has it open" in refused.stderr
    second = ControlPlaneProcess(tmp_path / "second")
    told = orlop("controlplane", "restore", "--config", str(second.config), str(archive)).stdout
    revision = int(told.split("revision ")[1].split(";")[0])
    expected = {
        obj["metadata"]["name"]: obj for obj in made if int(obj["metadata"]["resourceVersion"]) <= revision
    }
    assert 0 < len(expected) < len(made)
    with second:
        asyncio.run(_check(second, expected, revision, token))


async def _check(server: ControlPlaneProcess, expected: dict[str, Json], revision: int, token: str) -> None:
    async with server.client() as client:
        listed = await client.list(CONFIG_MAPS, "default")
        found = {obj["metadata"]["name"]: obj for obj in listed["items"]}
        assert {name: found.get(name) for name in expected} == expected
        assert set(found) - set(expected) <= {"kube-root-ca.crt"}
        # Nobody takes a revision of the new server for one of the old.
        assert int(listed["metadata"]["resourceVersion"]) > revision + 1_000_000
        with pytest.raises(ApiStatusError) as gone:
            await anext(client.watch(CONFIG_MAPS, resource_version=str(revision)))
        assert gone.value.is_expired
        review = await client.create(REVIEWS, {"metadata": {}, "spec": {"token": token}})
        assert review["status"]["authenticated"] is True


def test_kubeconfigs_of_before_work_after_a_restore_over_what_is_there(tmp_path: Path) -> None:
    archive = tmp_path / "one.tar"
    server = ControlPlaneProcess(tmp_path / "cp")
    with server:
        asyncio.run(_create(server.client(), "kept"))
        config = from_file(server.kubeconfig)
        orlop("controlplane", "backup", "--config", str(server.config), str(archive))
        asyncio.run(_create(server.client(), "later"))
    where = ("controlplane", "restore", "--config", str(server.config))
    refused = orlop(*where, str(archive), check=False)
    assert refused.returncode == 1
    assert f"there is {tmp_path}/cp/store.db already; use --force" in refused.stderr
    orlop(*where, "--force", str(archive))
    with server:
        assert asyncio.run(_names(Client(config))) >= {"kept"}
        assert "later" not in asyncio.run(_names(Client(config)))


async def _create(client: Client, name: str) -> None:
    async with client:
        await client.create(CONFIG_MAPS, {"metadata": {"name": name, "namespace": "default"}})


async def _names(client: Client) -> set[str]:
    async with client:
        listed = await client.list(CONFIG_MAPS, "default")
        return {obj["metadata"]["name"] for obj in listed["items"]}
