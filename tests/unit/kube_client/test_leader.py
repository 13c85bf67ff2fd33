# SPDX-License-Identifier: Apache-2.0
import asyncio
from datetime import UTC, datetime

import pytest

from kube.leader import DEFAULT_TIMING, Elector, Observed, Timing, claim, observe
from tests.support.eventually import eventually, in_background
from tests.support.fake_kube_api import FakeApi, serving

WALL = datetime(2026, 1, 1, tzinfo=UTC)
FAST = Timing(lease=0.6, renew=0.4, retry=0.02)


def lease(holder: str, renewed: str = "2020-01-01T00:00:00.000000Z") -> dict[str, object]:
    return {"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}}


def test_a_lease_that_nobody_holds_is_taken() -> None:
    spec = claim(Observed(), "me", 0, DEFAULT_TIMING, WALL)
    assert spec is not None
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("me", 15, 0)
    assert spec["renewTime"] == "2026-01-01T00:00:00.000000Z"


def test_another_ones_lease_is_taken_when_it_did_not_change_for_its_duration() -> None:
    seen = observe(Observed(), lease("other"), 100)
    assert claim(seen, "me", 114.9, DEFAULT_TIMING, WALL) is None
    same = observe(seen, lease("other"), 110)
    assert claim(same, "me", 115.0, DEFAULT_TIMING, WALL) is not None
    renewed = observe(seen, lease("other", "2020-01-01T00:00:05.000000Z"), 110)
    assert claim(renewed, "me", 120, DEFAULT_TIMING, WALL) is None


def test_renewing_keeps_when_it_was_acquired_and_taking_counts() -> None:
    mine = claim(Observed(), "me", 0, DEFAULT_TIMING, WALL)
    again = claim(Observed({"spec": mine}, 0), "me", 1, DEFAULT_TIMING, WALL.replace(year=2027))
    assert mine is not None
    assert again is not None
    assert again["acquireTime"] == mine["acquireTime"] < again["renewTime"]
    taken = claim(Observed({"spec": again}, 0), "other", 99, DEFAULT_TIMING, WALL)
    assert taken is not None
    assert taken["leaseTransitions"] == 1


class Terms:
    """Who leads, told by the work itself; two at once is the one thing that must not happen."""

    def __init__(self) -> None:
        self.now = list[str]()
        self.ever = list[str]()

    async def lead(self, name: str) -> None:
        assert not self.now, f"{name} leads beside {self.now}"
        self.now.append(name)
        self.ever.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            self.now.remove(name)


def test_one_leads_and_the_next_follows_at_once_when_it_ends() -> None:
    async def main() -> None:
        async with serving() as (_, client):
            terms = Terms()
            runs = {
                name: asyncio.ensure_future(
                    Elector(client, "lock", name, timing=FAST).run(lambda name=name: terms.lead(name))  # type: ignore[misc]
                )
                for name in ("a", "b", "c")
            }
            while runs:
                await eventually(lambda: terms.now)
                first = terms.now[0]
                run = runs.pop(first)
                run.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await run
            assert sorted(terms.ever) == ["a", "b", "c"]

    asyncio.run(main())


async def lost(api: FakeApi) -> None:
    """Somebody else writes itself into the Lease."""
    stored = api.objects["leases", "kube-system", "lock"]
    await api.put("leases", {**stored, "spec": {**stored["spec"], "holderIdentity": "thief"}})


def test_a_leader_that_lost_its_lease_stops_and_may_lead_again() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            terms = Terms()
            elector = Elector(client, "lock", "me", timing=FAST)
            async with in_background(elector.run(lambda: terms.lead("me"))):
                await eventually(lambda: terms.now)
                await lost(api)
                await eventually(lambda: not terms.now)
                await eventually(lambda: len(terms.ever) == 2)

    asyncio.run(main())


def test_a_leader_that_cannot_renew_steps_down() -> None:
    async def main() -> None:
        async with serving() as (api, client):
            terms = Terms()
            elector = Elector(client, "lock", "me", timing=FAST)
            async with in_background(elector.run(lambda: terms.lead("me"))):
                await eventually(lambda: terms.now)
                api.refuse = [500] * 10_000
                await eventually(lambda: not terms.now)
                api.refuse = []
                await eventually(lambda: len(terms.ever) == 2)

    asyncio.run(main())
