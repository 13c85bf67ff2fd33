# SPDX-License-Identifier: Apache-2.0
"""tcpSocket: a connection that opens within the time."""

import asyncio
import os

from agent.probe.model import Outcome, Result, TcpCheck
from agent.probe.render import authority


async def probe_tcp(check: TcpCheck, timeout: float) -> Result:
    """The outcome, within timeout seconds; the connection is closed at once."""
    place = authority(check.host, check.port)
    try:
        async with asyncio.timeout(timeout):
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, check.host, check.port)
            transport.close()
    except TimeoutError:
        return Result(Outcome.FAILURE, f"dial tcp {place}: i/o timeout")
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
        return Result(Outcome.FAILURE, f"dial tcp {place}: connect: {why}")
    return Result(Outcome.SUCCESS)
