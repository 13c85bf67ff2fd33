# SPDX-License-Identifier: Apache-2.0
"""Health, discovery, metrics, priority, streams that end, clients that leave, and one order for all watches."""

import asyncio
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controlplane.errors import ApiError
from controlplane.http.fairness import Fairness, LevelSettings, level_of
from controlplane.http.server import ApiServer
from controlplane.request import Attributes, User
from tests.support.apiserver import Running, running
from tests.support.wait import until

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def test_discovery_of_every_listed_group(api: Running) -> None:
    versions = api.get("/api").json["versions"]
    assert versions == ["v1"]
    groups = api.get("/apis/").json["groups"]
    assert "apps" in [group["name"] for group in groups]
    for group in groups:
        assert api.get(f"/apis/{group['name']}").json["versions"] == group["versions"]
        for version in group["versions"]:
            listed = api.get(f"/apis/{version['groupVersion']}/").json
            assert (listed["kind"], listed["groupVersion"]) == ("APIResourceList", version["groupVersion"])
            assert listed["resources"]
    pods = {entry["name"]: entry for entry in api.get("/api/v1").json["resources"]}
    assert (pods["pods"]["shortNames"], pods["pods"]["categories"]) == (["po"], ["all"])
    assert pods["pods/status"]["kind"] == "Pod"
    assert pods["pods/eviction"]["group"] == "policy"


def test_aggregated_discovery(api: Running) -> None:
    for path in ("/api", "/apis"):
        answer = api.get(path, Accept=AGGREGATED)
        assert (
            answer.headers["Content-Type"]
            == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        )
        assert answer.json["items"][0]["versions"][0]["resources"]
    assert api.get("/apis", Accept=AGGREGATED.replace("v=v2", "v=v9")).json["kind"] == "APIGroupList"
    beta = api.get("/apis", Accept=AGGREGATED.replace("v=v2", "v=v2beta1"))
    assert beta.json["apiVersion"] == "apidiscovery.k8s.io/v2beta1"


def test_what_is_not_there(api: Running) -> None:
    for path in (
        "/apis/none",
        "/apis/none/v1",
        "/api/v9",
        "/api/v1/nones",
        "/apis/apps/v1/pods",
        "/none",
        "/api//v1",
    ):
        answer = api.get(path)
        assert (answer.code, answer.json["reason"]) == (404, "NotFound"), path


def test_health_with_named_checks() -> None:
    ills: list[str] = []

    async def store() -> str:
        return ", ".join(ills)

    async def ping() -> str:
        return ""

    def prepare(server: ApiServer) -> None:
        checks: dict[str, Any] = {"ping": ping, "store": store}
        server._paths.checks = checks

    with running(prepare=prepare) as api:
        assert api.get("/healthz").body == b"ok"
        assert b"[+]store ok" in api.get("/readyz?verbose").body
        ills.append("no disk")
        failed = api.get("/livez")
        assert (failed.code, b"[-]store failed: no disk" in failed.body) == (500, True)
        assert api.get("/livez/ping").code == 200
        assert api.get("/livez?exclude=store").code == 200
        assert api.get("/livez/nothing").code == 404


def test_metrics(api: Running, ns: str) -> None:
    api.post(f"{ns}/configmaps", {"metadata": {"name": "a"}})
    api.get(f"{ns}/nosuchthing{ns[-1]}")
    told = api.get("/metrics").body.decode()
    labels = 'group="",resource="configmaps",scope="namespace",subresource="",verb="CREATE",version="v1"'
    assert f'apiserver_request_total{{code="201",{labels}}}' in told
    assert "apiserver_request_duration_seconds_bucket" in told
    assert 'apiserver_current_inflight_requests{request_kind="readOnly"}' in told
    assert 'apiserver_storage_objects{resource="configmaps"}' in told
    assert "nosuchthing" not in told


def test_stopping_ends_watches_cleanly() -> None:
    with running() as api, api.watch("/api/v1/namespaces?watch=1&allowWatchBookmarks=1") as events:
        for _ in range(4):
            assert next(events)["type"] == "ADDED"
        asyncio.run_coroutine_threadsafe(api.server.stop(), api.loop).result(10)
        assert {event["type"] for event in events} <= {"BOOKMARK"}


def test_a_client_that_leaves_is_noticed(api: Running) -> None:
    before = len(api.server.streams)
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as client:
        client.sendall(b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: len(api.server.streams) == before + 1)
    until(lambda: len(api.server.streams) == before)


def test_many_watches_see_one_order_under_many_writers(api: Running, ns: str) -> None:
    watchers, writers, each = 20, 8, 15
    start = api.get(f"{ns}/configmaps").json["metadata"]["resourceVersion"]
    seen: list[list[tuple[str, str]]] = []

    def follow() -> None:
        with api.watch(f"{ns}/configmaps?watch=1&resourceVersion={start}") as events:
            taken = [next(events) for _ in range(writers * each * 2)]
        seen.append([(event["type"], event["object"]["metadata"]["resourceVersion"]) for event in taken])

    def write(writer: int) -> None:
        for number in range(each):
            name = f"w{writer}-{number}"
            api.post(f"{ns}/configmaps", {"metadata": {"name": name}})
            api.delete(f"{ns}/configmaps/{name}")

    threads = [threading.Thread(target=follow) for _ in range(watchers)]
    for thread in threads:
        thread.start()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    for thread in threads:
        thread.join(30)
    assert len(seen) == watchers
    assert all(order == seen[0] for order in seen)
    revisions = [int(revision) for _, revision in seen[0]]
    assert revisions == sorted(set(revisions))


def test_reconnecting_misses_nothing_and_doubles_nothing(api: Running, ns: str) -> None:
    revision = api.get(f"{ns}/configmaps").json["metadata"]["resourceVersion"]
    for number in range(30):
        api.post(f"{ns}/configmaps", {"metadata": {"name": f"n{number:02}"}})
    names: list[str] = []
    for _ in range(10):
        with api.watch(f"{ns}/configmaps?watch=1&resourceVersion={revision}") as events:
            for _ in range(3):
                obj = next(events)["object"]
                names.append(obj["metadata"]["name"])
                revision = obj["metadata"]["resourceVersion"]
    assert names == [f"n{number:02}" for number in range(30)]


def test_concurrent_patches_all_count(api: Running, ns: str) -> None:
    api.post(f"{ns}/configmaps", {"metadata": {"name": "a"}, "data": {}})

    def add(number: int) -> int:
        return api.patch(f"{ns}/configmaps/a", {"data": {f"k{number}": "v"}}).code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(add, range(40)))
    assert set(codes) == {200}
    assert len(api.get(f"{ns}/configmaps/a").json["data"]) == 40


def test_broken_http_is_answered_and_the_server_lives(api: Running) -> None:
    for data in (
        b"\x16\x03\x01 garbage\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"GET  \r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            client.recv(4096)
    assert api.get("/healthz").code == 200


def asked(user: str, *groups: str, resource: str = "pods", sub: str = "") -> Attributes:
    return Attributes(User(user, groups=groups), "update", "", resource=resource, subresource=sub)


@pytest.mark.parametrize(
    ("attributes", "level"),
    [
        (asked("system:node:n", "system:nodes", resource="leases"), "leases"),
        (asked("system:node:n", "system:nodes", resource="nodes", sub="status"), "leases"),
        (asked("system:node:n", "system:nodes"), "node"),
        (asked("system:kube-scheduler"), "system"),
        (asked("system:serviceaccount:kube-system:x"), "system"),
        (asked("system:serviceaccount:default:x"), "workload"),
        (asked("alice"), "default"),
        (asked("alice", resource="leases"), "default"),
        (Attributes(User("alice"), "get", "/healthz"), "exempt"),
    ],
)
def test_levels(attributes: Attributes, level: str) -> None:
    assert level_of(attributes) == level


def test_a_flood_of_one_user_does_not_starve_others() -> None:
    async def run() -> list[str]:
        levels = {name: LevelSettings(1, 3) for name in ("default", "leases")}
        fairness, order, gate = Fairness(levels), list[str](), asyncio.Event()

        async def one(user: str, resource: str = "pods", *groups: str) -> None:
            try:
                async with fairness.seat(asked(user, *groups, resource=resource)):
                    await gate.wait()
                    order.append(user)
            except ApiError as error:
                order.append(f"{user} {error.code} {error.retry_after}")

        tasks = [asyncio.create_task(one("flood")) for _ in range(6)]
        tasks.append(asyncio.create_task(one("calm")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        async with fairness.seat(asked("system:node:n", "system:nodes", resource="leases")):
            order.append("lease")
        gate.set()
        await asyncio.gather(*tasks)
        return order

    order = asyncio.run(run())
    assert order.count("flood 429 1") == 2
    assert order.count("flood") == 4
    # The one who asks once waits for one request of the flood at most, not for all that came before.
    assert order.index("calm") < [place for place, user in enumerate(order) if user == "flood"][2]
    assert "lease" in order[:3]


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    async def run() -> None:
        fairness = Fairness({"default": LevelSettings(1, 3)})
        async with fairness.seat(asked("a")):
            waiting = asyncio.create_task(fairness.seat(asked("b")).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(5), fairness.seat(asked("c")):
            return

    asyncio.run(run())


def test_answers_to_errors_are_told_once_as_json(api: Running, ns: str) -> None:
    answer = api.get(f"{ns}/configmaps/none", Accept="application/yaml")
    assert json.loads(answer.body)["reason"] == "NotFound"
