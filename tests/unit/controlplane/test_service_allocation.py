# SPDX-License-Identifier: Apache-2.0
"""Cluster IPs and node ports: given once, to one Service, and given back."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controlplane.allocation.pool import Owner, Pool
from controlplane.allocation.ranges import Ranges, ranges_of
from controlplane.allocation.repair import repair
from controlplane.allocation.services import ServiceReserver
from controlplane.store.memory import MemoryStore
from tests.support.apiserver import Answer, Running, running

PATH = "/api/v1/namespaces/default/services"
CIDRS = ("10.96.0.0/28", "fd00::/124")


def ranges() -> tuple[MemoryStore, Ranges]:
    store = MemoryStore()
    return store, ranges_of(store, CIDRS, (30000, 30009))


@pytest.fixture
def services() -> Iterator[Running]:
    store, given = ranges()
    with running(store=store, reservers={("", "services"): ServiceReserver(given)}) as server:
        yield server


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def make(api: Running, name: str, **spec: Any) -> dict[str, Any]:
    made = api.post(PATH, service(name, **spec))
    assert made.code == 201, made.body
    spec_of: dict[str, Any] = made.json["spec"]
    return spec_of


def message(answer: Answer) -> str:
    assert answer.code == 422, answer.body
    return str(answer.json["message"])


def held(api: Running) -> int:
    listing = api.server.engine.store.list("/allocation/")
    return len(asyncio.run_coroutine_threadsafe(listing, api.loop).result(10).records)


def test_a_service_gets_an_address_of_the_default_family(services: Running) -> None:
    spec = make(services, "a")
    assert spec["clusterIP"].startswith("10.96.0.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


def test_dual_stack(services: Running) -> None:
    spec = make(services, "a", ipFamilyPolicy="PreferDualStack")
    assert spec["ipFamilies"] == ["IPv4", "IPv6"]
    assert [":" in address for address in spec["clusterIPs"]] == [False, True]
    other = make(services, "b", ipFamilies=["IPv6"])
    assert other["clusterIP"].startswith("fd00::")
    back = services.patch(f"{PATH}/a", {"spec": {"ipFamilyPolicy": "SingleStack"}}).json["spec"]
    assert back["clusterIPs"] == spec["clusterIPs"][:1]
    assert held(services) == 2


def test_an_address_that_is_taken_or_outside_is_refused(services: Running) -> None:
    make(services, "a", clusterIP="10.96.0.5")
    assert "already allocated" in message(services.post(PATH, service("b", clusterIP="10.96.0.5")))
    assert "not in the valid range" in message(services.post(PATH, service("b", clusterIP="10.97.0.5")))
    assert "must be a valid IP address" in message(services.post(PATH, service("b", clusterIP="x")))
    assert held(services) == 1


def test_headless_and_external_services_have_none(services: Running) -> None:
    assert make(services, "a", clusterIP="None")["clusterIPs"] == ["None"]
    external = make(services, "b", type="ExternalName", externalName="example.com")
    assert "clusterIP" not in external
    assert held(services) == 0


def test_deleting_gives_back_and_updates_keep(services: Running) -> None:
    spec = make(services, "a", type="NodePort")
    assert 30000 <= spec["ports"][0]["nodePort"] <= 30009
    again = services.put(f"{PATH}/a", service("a", type="NodePort")).json["spec"]
    assert (again["clusterIP"], again["ports"]) == (spec["clusterIP"], spec["ports"])
    assert held(services) == 2
    services.patch(f"{PATH}/a", {"spec": {"type": "ClusterIP"}})
    assert held(services) == 1
    services.delete(f"{PATH}/a")
    assert held(services) == 0


def test_a_refused_service_holds_nothing(services: Running) -> None:
    assert services.post(PATH, service("a", sessionAffinity="Maybe")).code == 422
    assert services.post(f"{PATH}?dryRun=All", service("a", type="NodePort")).code == 201
    assert held(services) == 0


def test_node_ports(services: Running) -> None:
    make(services, "a", type="NodePort", ports=[{"port": 80, "nodePort": 30001}])
    taken = services.post(PATH, service("b", type="NodePort", ports=[{"port": 80, "nodePort": 30001}]))
    assert "already allocated" in message(taken)
    outside = services.post(PATH, service("b", type="NodePort", ports=[{"port": 80, "nodePort": 80}]))
    assert "not in the valid range" in message(outside)
    dns = [{"name": "t", "port": 53}, {"name": "u", "port": 53, "protocol": "UDP"}]
    ports = make(services, "dns", type="NodePort", ports=dns)["ports"]
    assert ports[0]["nodePort"] == ports[1]["nodePort"]


def test_load_balancers_that_stay_local_have_a_health_port(services: Running) -> None:
    spec = make(services, "a", type="LoadBalancer", externalTrafficPolicy="Local")
    assert spec["healthCheckNodePort"] != spec["ports"][0]["nodePort"]


def test_concurrent_creates_never_share(services: Running) -> None:
    def one(number: int) -> Answer:
        return services.post(PATH, service(f"s{number}"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(20)))
    given = [answer.json["spec"]["clusterIP"] for answer in answers if answer.code == 201]
    # A /28 has 14 addresses.
    assert len(given) == len(set(given)) == 14
    assert {answer.code for answer in answers} == {201, 500}
    full = next(answer for answer in answers if answer.code == 500)
    assert "is full" in full.json["message"]


def test_repair_gives_back_what_a_crash_left_and_holds_what_is_used() -> None:
    async def run() -> tuple[int, int]:
        store, given = ranges()
        pool: Pool = given.addresses["IPv4"]
        await pool.take(pool.first, Owner("default", "crashed", "u1", since=100))
        await pool.take(pool.first + 1, Owner("default", "on-its-way", "u2", since=990))
        value = (
            b'{"metadata":{"name":"s","namespace":"default","uid":"u3"},"spec":{"clusterIPs":["10.96.0.9"]}}'
        )
        await store.create("/core/services/default/s", value)
        await repair(store, given, now=1000)
        return len(await pool.held()), pool.number_of((await pool.held())[-1])

    count, last = asyncio.run(run())
    assert (count, last & 0xFF) == (2, 9)
