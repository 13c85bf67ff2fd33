# SPDX-License-Identifier: Apache-2.0
"""The stream of events when it breaks, when the consumer is slow, when the runtime has none."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from cri import (
    ContainerState,
    Event,
    EventKind,
    Runtime,
    SandboxConfig,
    SandboxMetadata,
    Unavailable,
    Unimplemented,
    connect,
)
from cri.events_v1 import payload_pb2, service_pb2
from cri.inbox import Inbox
from cri.v1 import event_calls_pb2
from cri.wire import event as wire
from tests.support.cri_contract import Collector, Kit, Target, eventually
from tests.support.fake_cri import FakeRuntime
from tests.support.fake_cri_state import STARTED, STOPPED

POD = SandboxConfig(SandboxMetadata("web", "default", "uid"))
CRI = {"name": "fake", "version": "1"}
CONTAINERD = {"name": "containerd", "version": "1.7.24"}
Test = Callable[[Runtime, FakeRuntime], Awaitable[None]]


def with_fake(tmp_path: Path, flavour: dict[str, str], test: Test, lag: float = 0) -> None:
    async def run() -> None:
        fake = FakeRuntime(tmp_path / "s", lag=lag, **flavour)
        await fake.start()
        runtime = await connect(fake.socket)
        try:
            await test(runtime, fake)
        finally:
            await runtime.close()
            await fake.close()

    asyncio.run(run())


@pytest.mark.parametrize("flavour", [CRI, CONTAINERD], ids=["cri", "containerd"])
def test_a_broken_stream_is_followed_by_relist_and_more_events(
    tmp_path: Path, flavour: dict[str, str]
) -> None:
    async def broken(runtime: Runtime, fake: FakeRuntime) -> None:
        events = Collector(runtime)
        await events.until(EventKind.RELIST)
        fake.break_event_streams()
        await events.until(EventKind.RELIST, count=2)
        await fake.stop()
        await fake.start()
        await events.until(EventKind.RELIST, count=3)
        sandbox = await runtime.run_sandbox(POD)
        await events.until(EventKind.STARTED, sandbox)
        await events.stop()

    with_fake(tmp_path, flavour, broken)


def test_a_refused_stream_is_asked_for_again(tmp_path: Path) -> None:
    async def refused(runtime: Runtime, fake: FakeRuntime) -> None:
        fake.fail("GetContainerEvents", grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", times=2)
        events = Collector(runtime)

        async def told() -> int:
            fake.tell(STARTED, "x")
            return events.count(EventKind.STARTED, "x")

        await eventually(told, "an event comes through")
        assert fake.calls["GetContainerEvents"] == 3
        await events.stop()

    with_fake(tmp_path, CRI, refused)


def test_after_an_upgrade_the_new_version_is_known(tmp_path: Path) -> None:
    async def upgraded(runtime: Runtime, fake: FakeRuntime) -> None:
        events = Collector(runtime)
        await events.until(EventKind.RELIST)
        assert not runtime.info.features.container_events
        await fake.stop()
        fake.version_text = "2.1.9"
        fake.missing_methods = {"Subscribe"}
        await fake.start()
        await events.until(EventKind.RELIST, count=2)
        assert runtime.info.version == "2.1.9"
        assert fake.calls["GetContainerEvents"] == 1
        await events.stop()

    with_fake(tmp_path, CONTAINERD, upgraded)


def test_a_runtime_without_events_is_refused_by_name(tmp_path: Path) -> None:
    async def refused(runtime: Runtime, fake: FakeRuntime) -> None:
        fake.missing_methods |= {"GetContainerEvents"}
        with pytest.raises(Unimplemented, match=r"^cannot follow events of runtime: "):
            async for _ in runtime.events():
                pass

    with_fake(tmp_path, CRI, refused)


def test_an_end_is_told_when_status_shows_it(tmp_path: Path) -> None:
    """containerd tells it 0.1 s before; so do containers' and sandboxes' ends alike."""

    async def settled(runtime: Runtime, fake: FakeRuntime) -> None:
        kit = Kit(runtime, Target(fake.socket, tmp_path, "/none"), "web")
        events = Collector(runtime)
        await events.until(EventKind.RELIST)
        _, container = await kit.start("exit 1")
        await events.until(EventKind.STOPPED, container)
        assert (await runtime.container_status(container)).state is ContainerState.EXITED
        await events.stop()

    with_fake(tmp_path, CONTAINERD, settled, lag=0.1)


def test_an_end_that_never_shows_is_told_all_the_same(tmp_path: Path) -> None:
    async def told(runtime: Runtime, fake: FakeRuntime) -> None:
        kit = Kit(runtime, Target(fake.socket, tmp_path, "/none"), "web")
        events = Collector(runtime)
        await events.until(EventKind.RELIST)
        _, container = await kit.start("sleep 60")
        fake.tell(STOPPED, container)
        await events.until(EventKind.STOPPED, container)
        assert (await runtime.container_status(container)).state is ContainerState.RUNNING
        await events.stop()

    with_fake(tmp_path, CONTAINERD, told)


def test_closing_the_client_ends_the_stream(tmp_path: Path) -> None:
    async def ends(runtime: Runtime, fake: FakeRuntime) -> None:
        seen = []
        async for event in runtime.events():
            seen.append(event.kind)
            await runtime.close()
        assert seen == [EventKind.RELIST]

    with_fake(tmp_path, CRI, ends)


def test_leaving_the_iterator_ends_the_call(tmp_path: Path) -> None:
    async def left(runtime: Runtime, fake: FakeRuntime) -> None:
        stream = runtime.events()
        assert (await anext(stream)).kind is EventKind.RELIST
        await stream.aclose()
        assert {task.get_name() for task in asyncio.all_tasks()} & {
            "cri events",
            "cri event settles",
        } == set()

    with_fake(tmp_path, CRI, left)


def test_a_slow_consumer_gets_a_relist_for_what_it_missed() -> None:
    async def slow() -> None:
        inbox = Inbox(3)
        for n in range(5):
            inbox.put(Event(EventKind.STARTED, str(n), n))
        assert (await inbox.get()).kind is EventKind.RELIST
        assert (await inbox.get()).container_id == "4"
        inbox.end(Unavailable("follow events", "", "UNAVAILABLE", "gone"))
        with pytest.raises(Unavailable):
            await inbox.get()

    asyncio.run(slow())


@pytest.mark.parametrize(
    ("topic", "payload", "event"),
    [
        ("/containers/create", payload_pb2.ContainerCreate(id="a"), Event(EventKind.CREATED, "a", 7)),
        ("/tasks/start", payload_pb2.TaskStart(container_id="a"), Event(EventKind.STARTED, "a", 7)),
        ("/tasks/oom", payload_pb2.TaskOOM(container_id="a"), Event(EventKind.OOM, "a", 7)),
        ("/tasks/delete", payload_pb2.TaskDelete(container_id="a"), Event(EventKind.STOPPED, "a", 7)),
        ("/tasks/delete", payload_pb2.TaskDelete(container_id="a", id="a"), Event(EventKind.STOPPED, "a", 7)),
        ("/tasks/delete", payload_pb2.TaskDelete(container_id="a", id="exec-1"), None),
        ("/containers/delete", payload_pb2.ContainerDelete(id="a"), Event(EventKind.DELETED, "a", 7)),
        ("/images/create", payload_pb2.ContainerCreate(id="a"), None),
    ],
)
def test_containerds_events(topic: str, payload: payload_pb2.TaskDelete, event: Event | None) -> None:
    message = service_pb2.Envelope(topic=topic, event=AnyMessage(value=payload.SerializeToString()))
    message.timestamp.FromNanoseconds(7)
    assert wire.event_from_envelope(message) == event


def test_an_event_of_a_kind_that_is_newer_than_we_are_is_skipped() -> None:
    message = event_calls_pb2.ContainerEventResponse.FromString(b"\x10\x63")  # container_event_type = 99
    assert wire.event_from(message) is None
