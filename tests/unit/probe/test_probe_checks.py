# SPDX-License-Identifier: Apache-2.0
"""Single probes against real servers on loopback: what counts as success, and what is said of a failure."""

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest

from agent.probe.checks import Checker
from agent.probe.http import BODY_LIMIT
from agent.probe.model import ExecCheck, GrpcCheck, HttpCheck, Outcome, Result, TcpCheck
from cri import check_health, connect
from cri.health_v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from cri.model import ContainerConfig, SandboxConfig, SandboxMetadata
from tests.support.certificates import Authority
from tests.support.fake_cri import FakeRuntime

PLENTY = 30.0
HANG = object()


class NoRuntime:
    async def exec_sync(self, *_: object, **__: object) -> None:
        raise AssertionError("no command is run here")


def ask(check: HttpCheck | TcpCheck | GrpcCheck, timeout: float = PLENTY) -> Awaitable[Result]:
    return Checker(NoRuntime(), check_health)("c", check, timeout)  # type: ignore[arg-type]


@asynccontextmanager
async def server(
    *answers: bytes | object, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Gives each connection the next answer whole and closes it; HANG says nothing until the client goes."""
    requests: list[bytes] = []
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = left.pop(0)
        try:
            if answer is HANG:
                await reader.read()
            else:
                requests.append(await reader.readuntil(b"\r\n\r\n"))
                assert isinstance(answer, bytes)
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as made:
        yield made.sockets[0].getsockname()[1], requests


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def http(*answers: bytes | object, path: str = "/", timeout: float = PLENTY) -> tuple[Result, str]:
    async with server(*answers) as (port, _):
        url = f"http://127.0.0.1:{port}{path}"
        return await ask(HttpCheck(url), timeout), url


@pytest.mark.parametrize(
    ("answer", "outcome", "message"),
    [
        (reply("200 OK", b"fine"), Outcome.SUCCESS, "fine"),
        (reply("204 No Content"), Outcome.SUCCESS, ""),
        (reply("399 Odd"), Outcome.SUCCESS, ""),
        (reply("304 Not Modified"), Outcome.SUCCESS, ""),
        (reply("400 Bad"), Outcome.FAILURE, "HTTP probe failed with statuscode: 400"),
        (reply("503 Busy", b"secret"), Outcome.FAILURE, "HTTP probe failed with statuscode: 503"),
        (reply("199 Odd"), Outcome.FAILURE, None),
        (b"", Outcome.FAILURE, 'Get "{url}": EOF'),
        (b"\x00\xff garbage\r\n\r\n", Outcome.FAILURE, None),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n", Outcome.FAILURE, None),
        (reply("200 OK", b"x" * 3 * BODY_LIMIT), Outcome.SUCCESS, "x" * BODY_LIMIT),
        (reply("200 OK", b"not zipped", "Content-Encoding: gzip"), Outcome.SUCCESS, "not zipped"),
    ],
)
def test_http_answers(answer: bytes, outcome: Outcome, message: str | None) -> None:
    result, url = asyncio.run(http(answer))
    assert result.outcome is outcome
    if message is None:
        assert result.message.startswith(f'Get "{url}": ')
    else:
        assert result.message == message.format(url=url)


def test_a_server_that_hangs_is_given_up_after_the_timeout() -> None:
    result, url = asyncio.run(http(HANG, timeout=0.2))
    why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    assert result == Result(Outcome.FAILURE, f'Get "{url}": {why}')


def test_headers_arrive_as_given_and_nothing_is_added() -> None:
    async def seen() -> bytes:
        async with server(reply("200 OK")) as (port, requests):
            headers = (
                ("Host", "me.example"),
                ("User-Agent", "kube-probe/1.32"),
                ("x-Two", "1"),
                ("x-Two", "2"),
            )
            await ask(HttpCheck(f"http://127.0.0.1:{port}/a%20b?c=d%2Fe", headers))
            return requests[0]

    lines = asyncio.run(seen()).decode().split("\r\n")
    assert lines[0] == "GET /a%20b?c=d%2Fe HTTP/1.1"
    assert set(lines[1:-2]) <= {
        "Host: me.example",
        "User-Agent: kube-probe/1.32",
        "x-Two: 1",
        "x-Two: 2",
        "Connection: close",
    }


def test_redirects_are_followed_on_the_same_host_only() -> None:
    same = asyncio.run(
        http(
            reply("302 Found", b"", "Location: /there"),
            reply("307 Again", b"", "Location: x"),
            reply("500 No"),
        )
    )[0]
    assert same == Result(Outcome.FAILURE, "HTTP probe failed with statuscode: 500")
    away = asyncio.run(http(reply("302 Found", b"go", "Location: http://localhost:1/")))[0]
    assert away == Result(Outcome.SUCCESS, "Probe terminated redirects, Response body: go", warning=True)
    nowhere = asyncio.run(http(reply("302 Found")))[0]
    assert nowhere.outcome is Outcome.SUCCESS
    endless, url = asyncio.run(http(*[reply("302 Found", b"", "Location: /")] * 10))
    assert endless == Result(Outcome.FAILURE, f'Get "{url}": stopped after 10 redirects')


def test_https_without_looking_at_the_certificate(tmp_path: Path) -> None:
    certificate, key = Authority("nobody").issue("somebody-else.example")
    (tmp_path / "pem").write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "pem")

    async def outcomes() -> tuple[Result, Result]:
        async with server(reply("200 OK", b"tls"), context=context) as (port, _):
            good = await ask(HttpCheck(f"https://127.0.0.1:{port}/"))
        async with server(reply("200 OK")) as (port, _):
            return good, await ask(HttpCheck(f"https://127.0.0.1:{port}/"), 0.5)

    good, plain = asyncio.run(outcomes())
    assert good == Result(Outcome.SUCCESS, "tls")
    assert plain.outcome is Outcome.FAILURE


def test_a_port_where_nobody_listens() -> None:
    async def outcomes() -> tuple[int, list[Result]]:
        with socket.socket() as bound:
            # Nobody else gets the port, and nobody listens at it.
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            checks = (
                TcpCheck("127.0.0.1", port),
                HttpCheck(f"http://127.0.0.1:{port}/"),
                GrpcCheck("127.0.0.1", port),
            )
            return port, [await ask(check) for check in checks]

    port, (tcp, web, rpc) = asyncio.run(outcomes())
    assert tcp == Result(Outcome.FAILURE, f"dial tcp 127.0.0.1:{port}: connect: connection refused")
    assert web.message == f'Get "http://127.0.0.1:{port}/": {tcp.message}'
    assert rpc.outcome is Outcome.FAILURE
    assert "connection refused" in rpc.message.lower()


def test_tcp_needs_only_that_the_connection_opens() -> None:
    async def outcome() -> Result:
        async with server(HANG) as (port, _):
            return await ask(TcpCheck("127.0.0.1", port))

    assert asyncio.run(outcome()) == Result(Outcome.SUCCESS)


@asynccontextmanager
async def health(
    answer: Callable[[HealthCheckRequest], Awaitable[HealthCheckResponse]] | None,
) -> AsyncIterator[int]:
    async def handle(request: HealthCheckRequest, _context: object) -> HealthCheckResponse:
        assert answer is not None
        return await answer(request)

    made = grpc.aio.server()
    if answer is not None:
        method = grpc.unary_unary_rpc_method_handler(
            handle,
            request_deserializer=HealthCheckRequest.FromString,
            response_serializer=HealthCheckResponse.SerializeToString,
        )
        made.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method}),)
        )
    port = made.add_insecure_port("127.0.0.1:0")
    await made.start()
    try:
        yield port
    finally:
        await made.stop(0)


@pytest.mark.parametrize(
    ("service", "status", "expected"),
    [
        ("", HealthCheckResponse.SERVING, Result(Outcome.SUCCESS, "service healthy")),
        (
            "db",
            HealthCheckResponse.NOT_SERVING,
            Result(Outcome.FAILURE, 'service unhealthy (responded with "NOT_SERVING")'),
        ),
        ("db", 77, Result(Outcome.FAILURE, 'service unhealthy (responded with "77")')),
    ],
)
def test_grpc_health(service: str, status: HealthCheckResponse.ServingStatus, expected: Result) -> None:
    async def outcome() -> Result:
        async def answer(request: HealthCheckRequest) -> HealthCheckResponse:
            assert request.service == service
            return HealthCheckResponse(status=status)

        async with health(answer) as port:
            return await ask(GrpcCheck("127.0.0.1", port, service))

    assert asyncio.run(outcome()) == expected


def test_grpc_servers_that_cannot_tell() -> None:
    async def never(_request: HealthCheckRequest) -> HealthCheckResponse:
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def outcomes() -> tuple[Result, Result]:
        async with health(None) as port:
            without = await ask(GrpcCheck("127.0.0.1", port))
        async with health(never) as port:
            return without, await ask(GrpcCheck("127.0.0.1", port), 0.5)

    without, hanging = asyncio.run(outcomes())
    assert without.outcome is hanging.outcome is Outcome.FAILURE
    assert without.message.startswith(
        "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"
    )
    assert hanging.message == "timeout: health rpc did not complete within 0.5s"


@pytest.mark.parametrize(
    ("script", "timeout", "expected"),
    [
        ("print('well')", PLENTY, Result(Outcome.SUCCESS, "well\n")),
        (
            "import sys; print('out', flush=True); sys.exit('err')",
            PLENTY,
            Result(Outcome.FAILURE, "out\nerr\n"),
        ),
        ("print('x' * 99999)", PLENTY, Result(Outcome.SUCCESS, "x" * BODY_LIMIT)),
        ("import time; time.sleep(999)", 1, None),
    ],
)
def test_exec(tmp_path: Path, script: str, timeout: float, expected: Result | None) -> None:
    async def outcome() -> Result:
        fake = FakeRuntime(tmp_path / "cri.sock")
        await fake.start()
        runtime = await connect(fake.socket)
        try:
            box = SandboxConfig(SandboxMetadata("p", "default", "u"))
            sandbox = await runtime.run_sandbox(box)
            config = ContainerConfig("app", "docker.io/local/busybox:1", command=("sleep", "600"))
            container = await runtime.create_container(sandbox, config, box)
            await runtime.start_container(container)
            return await Checker(runtime, check_health)(
                container, ExecCheck((sys.executable, "-c", script)), timeout
            )
        finally:
            await runtime.close()
            await fake.close()

    result = asyncio.run(outcome())
    if expected is None:
        assert result.outcome is Outcome.FAILURE
        assert result.message.startswith("command timed out: ")
    else:
        assert result == expected


def test_a_container_that_is_gone_counts_neither_way(tmp_path: Path) -> None:
    async def outcome() -> Result:
        fake = FakeRuntime(tmp_path / "cri.sock")
        await fake.start()
        runtime = await connect(fake.socket)
        try:
            return await Checker(runtime, check_health)("gone", ExecCheck(("true",)), 1)
        finally:
            await runtime.close()
            await fake.close()

    assert asyncio.run(outcome()).outcome is Outcome.UNKNOWN
