# SPDX-License-Identifier: Apache-2.0
import asyncio
import base64
from contextlib import aclosing
from pathlib import Path

import pytest
import yaml

from kube import config
from kube.client import Client
from kube.config import ClientConfig
from kube.errors import ApiStatusError, ConfigurationError, UnreachableError
from kube.kinds import DEPLOYMENTS, NODES, PODS
from tests.support.fake_kube_api import serving


def pod(name: str, **labels: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "default", "labels": labels}, "spec": {}}


def test_paths() -> None:
    assert NODES.path("", "n1", "status") == "/api/v1/nodes/n1/status"
    assert PODS.path() == "/api/v1/pods"
    assert DEPLOYMENTS.path("shop", "web") == "/apis/apps/v1/namespaces/shop/deployments/web"


def test_objects_come_and_go() -> None:
    async def main() -> None:
        async with serving() as (_, client):
            made = await client.create(PODS, pod("a"))
            assert made["kind"] == "Pod"
            made["spec"]["nodeName"] = "n1"
            changed = await client.update(PODS, made)
            assert (await client.get(PODS, "a", "default")) == changed
            with pytest.raises(ApiStatusError, match="modified") as caught:
                await client.update(PODS, made)
            assert caught.value.is_conflict
            patched = await client.patch(PODS, "a", {"spec": {"nodeName": None}}, namespace="default")
            assert patched["spec"] == {}
            with pytest.raises(ApiStatusError, match="another uid"):
                await client.delete(PODS, "a", "default", uid="other")
            await client.delete(PODS, "a", "default", uid=made["metadata"]["uid"])
            with pytest.raises(ApiStatusError, match='"a" not found') as caught:
                await client.get(PODS, "a", "default")
            assert caught.value.is_not_found

    asyncio.run(main())


def test_a_list_is_read_page_by_page_and_its_items_say_what_they_are() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            for number in range(7):
                await api.put("pods", pod(f"p{number}", odd=str(number % 2)))
            whole = await client.list(PODS, limit=3)
            assert [item["metadata"]["name"] for item in whole["items"]] == [f"p{n}" for n in range(7)]
            assert {(item["apiVersion"], item["kind"]) for item in whole["items"]} == {("v1", "Pod")}
            assert len([line for line in api.requests if line.startswith("GET")]) == 3
            odd = await client.list(PODS, "default", labels="odd=1")
            assert len(odd["items"]) == 3

    asyncio.run(main())


def test_a_watch_tells_events_of_any_length_in_order() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            start = str(api.revision)
            long = pod("long")
            long["spec"] = {"text": "x" * 300_000}
            for obj in (pod("a"), long, pod("b")):
                await api.put("pods", obj)
            async with aclosing(client.watch(PODS, resource_version=start)) as events:
                names = [(await anext(events))["object"]["metadata"]["name"] for _ in range(3)]
            assert names == ["a", "long", "b"]
            await api.compact()
            with pytest.raises(ApiStatusError) as caught:
                await anext(client.watch(PODS, resource_version=start))
            assert caught.value.is_expired

    asyncio.run(main())


def test_a_server_that_is_not_there_is_unreachable() -> None:
    async def main() -> None:
        async with Client(ClientConfig("http://127.0.0.1:1")) as client:
            with pytest.raises(UnreachableError, match=r"cannot ask the API server: GET http://127.0.0.1:1/"):
                await client.get(NODES, "n1")

    asyncio.run(main())


def test_a_token_file_is_read_for_every_request(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "token"
        file.write_text("one\n")
        async with serving() as (api, _), Client(ClientConfig(api.server, token_file=file)) as client:
            await client.list(PODS)
            file.unlink()
            with pytest.raises(UnreachableError, match="token"):
                await client.list(PODS)

    asyncio.run(main())


def kubeconfig(server: str, **user: object) -> dict[str, object]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def test_a_kubeconfig_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig("http://10.0.0.1:8080/", token="secret")))
    assert config.from_file(path) == ClientConfig("http://10.0.0.1:8080", token="secret")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot use kubeconfig .*config: "),
        ("clusters: []\n", "'contexts' is missing"),
        (yaml.safe_dump({**kubeconfig("http://a"), "current-context": "y"}), "Context 'y' not found"),
        (yaml.safe_dump(kubeconfig("http://a", username="u", password="p")), "username are not supported"),
        (
            yaml.safe_dump(
                kubeconfig("https://a", **{"client-certificate-data": base64.b64encode(b"no").decode()})
            ),
            "no PEM",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=why):
        config.from_file(path)
