# SPDX-License-Identifier: Apache-2.0
"""GET of an object of 1 KiB through the API with 1 and 16 clients, beside bare aiohttp that answers the same bytes."""

import asyncio

from tests.bench.api_writes import PATH, configmap
from tests.bench.bare import bare
from tests.bench.controlplane import ControlPlane, controlplane
from tests.bench.load import Times, connected, rows, turn
from tests.bench.model import Row
from tests.support.https import Connection

CLIENTS = (1, 16)
ROUNDS = 4
READS = 4000
"""In one turn."""


def run() -> list[Row]:
    with controlplane() as server:
        content = asyncio.run(_object(server))
        with bare(server, content) as port:
            return asyncio.run(_compare(server, port))


async def _object(server: ControlPlane) -> bytes:
    async with connected(server.port, server.tls(), 1) as (connection,):
        return (await connection.request("POST", PATH, configmap("read"))).body


async def _compare(server: ControlPlane, port: int) -> list[Row]:
    found: list[Row] = []
    for clients in CLIENTS:
        ours, reference = Times(), Times()
        tls = server.tls()
        async with connected(server.port, tls, clients) as to_us, connected(port, tls, clients) as to_bare:
            await turn(Times(), to_us, clients * 10, "warm", _get)
            for _ in range(ROUNDS):
                await turn(ours, to_us, READS, "", _get)
                await turn(reference, to_bare, READS, "", _get_bare)
        name = f"API, GET of 1 KiB, {clients} client{'s' if clients > 1 else ''}"
        found += rows(name, "reads", ours, reference, "bare aiohttp")
    return found


async def _get(connection: Connection, _: str) -> None:
    answer = await connection.request("GET", f"{PATH}/read")
    assert answer.code == 200, answer


async def _get_bare(connection: Connection, _: str) -> None:
    answer = await connection.request("GET", "/file")
    assert answer.code == 200, answer
