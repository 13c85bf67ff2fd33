# SPDX-License-Identifier: Apache-2.0
import asyncio
from datetime import UTC, datetime, timedelta

from kube.events import NORMAL, WARNING, Happening, Recorder
from tests.support.eventually import in_background
from tests.support.fake_kube_api import serving

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "9"},
}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "n"}}


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def test_an_event_says_what_happened_to_what() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            recorder = Recorder(client, "scheduler", clock=Clock())
            recorder.record(Happening(POD, NORMAL, "Scheduled", "on n1", action="Binding"))
            recorder.record(Happening(NODE, WARNING, "Gone", "x" * 5000))
            async with in_background(recorder.run()):
                await recorder.flushed()
            first, second = (obj for _, obj in sorted(api.objects.items(), reverse=True))
            assert first["involvedObject"] == {**POD["metadata"], "kind": "Pod", "apiVersion": "v1"}
            assert (first["type"], first["reason"], first["message"]) == ("Normal", "Scheduled", "on n1")
            assert (first["count"], first["firstTimestamp"]) == (1, "2026-01-01T00:00:01Z")
            assert (first["source"], first["action"]) == ({"component": "scheduler"}, "Binding")
            assert second["metadata"]["namespace"] == "default"
            assert len(second["message"]) == 1024

    asyncio.run(main())


def test_the_same_again_is_counted_and_begins_anew_when_its_event_is_gone() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            recorder = Recorder(client, "scheduler", clock=Clock())
            async with in_background(recorder.run()):
                for _ in range(3):
                    recorder.record(Happening(POD, WARNING, "FailedScheduling", "no room"))
                await recorder.flushed()
                (event,) = api.objects.values()
                assert (event["count"], event["lastTimestamp"]) == (3, "2026-01-01T00:00:03Z")
                await api.remove("events", "shop", event["metadata"]["name"])
                recorder.record(Happening(POD, WARNING, "FailedScheduling", "no room"))
                await recorder.flushed()
                (event,) = api.objects.values()
                assert event["count"] == 1

    asyncio.run(main())


def test_a_server_that_refuses_events_stops_nobody() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            recorder = Recorder(client, "scheduler", clock=Clock())
            api.refuse = [403]
            async with in_background(recorder.run()):
                recorder.record(Happening(POD, NORMAL, "A", "refused"))
                recorder.record(Happening(POD, NORMAL, "B", "taken"))
                await recorder.flushed()
            assert [event["reason"] for event in api.objects.values()] == ["B"]

    asyncio.run(main())
