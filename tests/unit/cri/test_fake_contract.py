# SPDX-License-Identifier: Apache-2.0
"""The in-memory runtime keeps the same contract as containerd, with either kind of event stream."""

import asyncio
from pathlib import Path

import pytest

from tests.support import cri_contract
from tests.support.cri_contract import Target, kit_for
from tests.support.fake_cri import FakeRuntime

FLAVOURS = {
    "cri-events": {},
    "containerd-events": {"name": "containerd", "version": "1.6.20", "lag": 0.03},
}


@pytest.mark.parametrize("flavour", list(FLAVOURS))
@pytest.mark.parametrize("scenario", cri_contract.FAKE_SCENARIOS, ids=lambda each: each.__name__)
def test_fake_contract(scenario: cri_contract.Scenario, flavour: str, tmp_path: Path) -> None:
    async def against_fake() -> None:
        fake = FakeRuntime(tmp_path / "s", **FLAVOURS[flavour])  # type: ignore[arg-type]
        await fake.start()
        try:
            async with kit_for(Target(fake.socket, tmp_path, "/none"), scenario.__name__) as kit:
                await scenario(kit)
        finally:
            await fake.close()

    asyncio.run(against_fake())
