# SPDX-License-Identifier: Apache-2.0
"""The reference of the API's benchmarks: what aiohttp does over the same TLS with nothing behind it.

`python -m tests.bench.bare PORT CERTIFICATE KEY CA FILE`: GET /file answers with the file, POST /take takes a body and
answers with it, GET /watch is a stream that gets each body posted to /tell as a line.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from controlplane.auth.pki import Pair
from controlplane.auth.tls import server_context
from kube import tls_buffers
from tests.bench.controlplane import READY_SECONDS, ControlPlane, answers, free_port


@contextmanager
def bare(beside: ControlPlane, content: bytes) -> Iterator[int]:
    """The port of a bare server with the certificates of this control plane, in a process of its own."""
    pki, port = beside.folder / "pki", free_port()
    file = beside.folder / "content"
    file.write_bytes(content)
    command = [*("setpriv", "--pdeathsig", "KILL", "--"), sys.executable, "-m", "tests.bench.bare", str(port)]
    paths = [pki / "apiserver.crt", pki / "apiserver.key", pki / "ca.crt", file]
    process = subprocess.Popen([*command, *map(str, paths)], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not answers(port, "/file"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("cannot start the bare server")
            time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


class _Bare:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._watches: set[web.StreamResponse] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        match request.path:
            case "/file":
                return web.Response(body=self._content, headers=headers)
            case "/take":
                return web.Response(body=await request.read(), headers=headers)
            case "/tell":
                line = await request.read()
                for watch in self._watches:
                    await watch.write(line)
                return web.Response(headers=headers)
            case "/watch":
                return await self._watch(request)
        return web.Response(status=404)

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        self._watches.add(response)
        try:
            await asyncio.Event().wait()
        finally:
            self._watches.discard(response)
        return response


async def _serve(port: int, pair: Pair, ca: Path, content: bytes) -> None:
    tls_buffers.shrink()
    runner = web.ServerRunner(web.Server(_Bare(content).handle, access_log=None))
    await runner.setup()
    context = server_context(pair, ca)
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    _port, _certificate, _key, _ca, _file = sys.argv[1:]
    _pair = Pair(Path(_certificate), Path(_key))
    asyncio.run(_serve(int(_port), _pair, Path(_ca), Path(_file).read_bytes()))
