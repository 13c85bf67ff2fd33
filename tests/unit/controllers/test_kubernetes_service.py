# SPDX-License-Identifier: Apache-2.0
import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.controllers.kubernetes_service import KubernetesService, Server
from kube.client import Client
from kube.config import ClientConfig
from kube.kinds import ENDPOINT_SLICES, ENDPOINTS, LEASES, SERVICES, Kind
from tests.support.apiserver import running

Json = dict[str, Any]


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def at_address(address: str) -> Server:
    return Server(address, 6443, ("10.96.0.1",))


async def addresses(client: Client) -> list[str]:
    piece = await client.get(ENDPOINT_SLICES, "kubernetes", "default")
    listed = [endpoint["addresses"][0] for endpoint in piece["endpoints"]]
    (subset,) = (await client.get(ENDPOINTS, "kubernetes", "default"))["subsets"]
    assert [item["ip"] for item in subset["addresses"]] == listed
    return listed


async def version(client: Client, kind: Kind) -> str:
    found: str = (await client.get(kind, "kubernetes", "default"))["metadata"]["resourceVersion"]
    return found


def test_the_service_leads_to_the_servers_that_live() -> None:
    async def main() -> None:
        with running() as server:
            async with Client(ClientConfig(server.url)) as client:
                clock = Clock()
                one = KubernetesService(client, at_address("192.168.0.10"), "one", now=clock)
                two = KubernetesService(client, at_address("192.168.0.9"), "two", now=clock)
                await one.once()
                made = await client.get(SERVICES, "kubernetes", "default")
                assert made["spec"]["clusterIP"] == "10.96.0.1"
                assert made["spec"]["ports"] == [
                    {"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}
                ]
                assert await addresses(client) == ["192.168.0.10"]
                before = [await version(client, kind) for kind in (SERVICES, ENDPOINTS, ENDPOINT_SLICES)]
                await one.once()
                assert before == [
                    await version(client, kind) for kind in (SERVICES, ENDPOINTS, ENDPOINT_SLICES)
                ]
                await two.once()
                assert await addresses(client) == ["192.168.0.9", "192.168.0.10"]
                clock.now += timedelta(seconds=31)
                await two.once()
                assert await addresses(client) == ["192.168.0.9"], "one was silent for too long"

    asyncio.run(main())


def test_a_server_that_ends_takes_itself_out() -> None:
    async def main() -> None:
        with running() as server:
            async with Client(ClientConfig(server.url)) as client:
                keeper = KubernetesService(client, at_address("192.168.0.10"), "one")
                task = asyncio.ensure_future(keeper.run())
                async with asyncio.timeout(20):
                    while not (await client.list(ENDPOINT_SLICES, "default"))["items"]:
                        await asyncio.sleep(0.02)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert (await client.list(LEASES, "kube-system"))["items"] == []

    asyncio.run(main())
