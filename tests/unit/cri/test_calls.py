# SPDX-License-Identifier: Apache-2.0
"""Deadlines, waiting, repeating and closing, against a runtime that misbehaves on request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from cri import (
    CriError,
    DeadlineExceeded,
    Deadlines,
    Runtime,
    SandboxConfig,
    SandboxMetadata,
    Unavailable,
    Unimplemented,
    connect,
)
from tests.support.cri_contract import eventually
from tests.support.fake_cri import FakeRuntime

POD = SandboxConfig(SandboxMetadata("web", "default", "uid"))
HASTY = Deadlines(read=0.3, change=0.3, run_sandbox=0.3, stop_sandbox=0.3, pull=0.3)
NOT_YET = (grpc.StatusCode.UNKNOWN, "server is not initialized yet")
AWAY = (grpc.StatusCode.UNAVAILABLE, "transport is closing")


@dataclass
class Pair:
    """A client and its runtime."""

    runtime: Runtime
    fake: FakeRuntime


def with_fake(
    tmp_path: Path, function: Callable[[Pair], Awaitable[None]], deadlines: Deadlines | None = None
) -> None:
    async def run() -> None:
        fake = FakeRuntime(tmp_path / "s")
        await fake.start()
        runtime = await connect(fake.socket, deadlines=deadlines)
        fake.calls.clear()
        try:
            await function(Pair(runtime, fake))
        finally:
            await runtime.close()
            await fake.close()

    asyncio.run(run())


@pytest.mark.parametrize("fault", [NOT_YET, AWAY], ids=["starting", "closing"])
def test_a_read_is_repeated_until_the_runtime_answers(
    tmp_path: Path, fault: tuple[grpc.StatusCode, str]
) -> None:
    async def repeated(pair: Pair) -> None:
        pair.fake.fail("ListPodSandbox", *fault, times=3)
        assert await pair.runtime.list_sandboxes() == ()
        assert pair.fake.calls["ListPodSandbox"] == 4

    with_fake(tmp_path, repeated)


def test_a_read_is_repeated_until_its_deadline_only(tmp_path: Path) -> None:
    async def given_up(pair: Pair) -> None:
        pair.fake.fail("ListPodSandbox", *AWAY, times=1000)
        with pytest.raises(Unavailable, match=r"^cannot list sandboxes: transport is closing$"):
            await pair.runtime.list_sandboxes()
        assert pair.fake.calls["ListPodSandbox"] > 1

    with_fake(tmp_path, given_up, HASTY)


@pytest.mark.parametrize("fault", [NOT_YET, AWAY], ids=["starting", "closing"])
def test_a_change_is_never_sent_twice(tmp_path: Path, fault: tuple[grpc.StatusCode, str]) -> None:
    async def once(pair: Pair) -> None:
        pair.fake.fail("RunPodSandbox", *fault)
        with pytest.raises(Unavailable, match=r"^cannot run sandbox for pod default/web: "):
            await pair.runtime.run_sandbox(POD)
        assert pair.fake.calls["RunPodSandbox"] == 1

    with_fake(tmp_path, once)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED])
def test_other_failures_are_not_repeated(tmp_path: Path, code: grpc.StatusCode) -> None:
    async def once(pair: Pair) -> None:
        pair.fake.fail("Status", code, "disk on fire")
        with pytest.raises(CriError, match=r"^cannot read status of runtime: disk on fire$"):
            await pair.runtime.status()
        assert pair.fake.calls["Status"] == 1

    with_fake(tmp_path, once)


def test_a_runtime_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    async def hangs(pair: Pair) -> None:
        for method in ("ListPodSandbox", "RunPodSandbox", "RemovePodSandbox", "PullImage"):
            pair.fake.hold(method)
        calls: tuple[Awaitable[object], ...] = (
            pair.runtime.list_sandboxes(),
            pair.runtime.run_sandbox(POD),
            pair.runtime.remove_sandbox("x"),
            pair.runtime.pull_image("a:1"),
        )
        for call in calls:
            with pytest.raises(DeadlineExceeded, match=r": the runtime did not answer within 0.3 s$"):
                await call

    with_fake(tmp_path, hangs, HASTY)


def test_a_read_waits_for_a_runtime_that_restarts_and_a_change_does_not(tmp_path: Path) -> None:
    async def restarts(pair: Pair) -> None:
        await pair.fake.stop()
        reading = asyncio.create_task(pair.runtime.list_sandboxes())
        with pytest.raises(
            Unavailable, match=r"^cannot run sandbox for pod default/web: no connection to .*/s: "
        ):
            await pair.runtime.run_sandbox(POD)
        assert not reading.done()
        await pair.fake.start()
        assert await reading == ()
        await pair.runtime.run_sandbox(POD)

    with_fake(tmp_path, restarts)


def test_a_read_that_waits_in_vain_says_where(tmp_path: Path) -> None:
    async def vain(pair: Pair) -> None:
        await pair.fake.stop()
        with pytest.raises(
            Unavailable, match=r"^cannot list images: (nothing answers at|no connection to) .*/s"
        ):
            await pair.runtime.list_images()
        await pair.fake.start()

    with_fake(tmp_path, vain, HASTY)


def test_closing_ends_calls_under_way(tmp_path: Path) -> None:
    async def closed(pair: Pair) -> None:
        pair.fake.hold("ListPodSandbox")
        waiting = asyncio.create_task(pair.runtime.list_sandboxes())

        async def asked() -> bool:
            return pair.fake.calls["ListPodSandbox"] == 1

        await eventually(asked, "the call is under way")
        await pair.runtime.close()
        for call in (waiting, pair.runtime.list_sandboxes()):
            with pytest.raises(Unavailable, match=r"^cannot list sandboxes: the client was closed$"):
                await call

    with_fake(tmp_path, closed)


def test_cancelling_a_call_cancels_it(tmp_path: Path) -> None:
    async def cancelled(pair: Pair) -> None:
        pair.fake.hold("ListPodSandbox")
        waiting = asyncio.create_task(pair.runtime.list_sandboxes())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with_fake(tmp_path, cancelled)


def test_large_lists(tmp_path: Path) -> None:
    """Six MiB, more than gRPC takes unless told otherwise."""

    async def large(pair: Pair) -> None:
        note = "x" * (1 << 20)
        for n in range(6):
            config = SandboxConfig(SandboxMetadata(f"web-{n}", "default", "uid"), annotations={"note": note})
            await pair.runtime.run_sandbox(config)
        assert [len(row.annotations["note"]) for row in await pair.runtime.list_sandboxes()] == [1 << 20] * 6

    with_fake(tmp_path, large)


def test_connecting_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(
        Unavailable, match=r"^cannot connect to container runtime: no connection to .*/none: No such"
    ):
        asyncio.run(connect(tmp_path / "none"))


def test_connecting_to_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^cannot connect to .*: a unix socket's path has at most 107 bytes"
    ):
        asyncio.run(connect(tmp_path / ("x" * 108)))


def test_connecting_to_what_is_no_runtime(tmp_path: Path) -> None:
    async def no_runtime() -> None:
        server = FakeRuntime(tmp_path / "s")
        server.missing_methods |= {"Version"}
        await server.start()
        with pytest.raises(Unimplemented, match=r"^cannot connect to container runtime: "):
            await connect(server.socket)
        await server.close()

    asyncio.run(no_runtime())


def test_two_clients_are_apart(tmp_path: Path) -> None:
    async def apart(pair: Pair) -> None:
        other = await connect(f"unix://{pair.fake.socket}")
        await other.close()
        assert await pair.runtime.list_sandboxes() == ()

    with_fake(tmp_path, apart)
