# SPDX-License-Identifier: Apache-2.0
"""OOM kills from the kernel's log."""

import asyncio
import os
from pathlib import Path

import pytest

from agent.node.oom import victim_of, watch_kernel_log

ID = "f7af98f4c818428d044c447feffe83f69ea0d22e36ee7fa7a18c1ee3757ebf3e"
LINE = (
    "6,107753,5674817680,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={id},mems_allowed=0,"
    "oom_memcg=/lab/kubepods/pod-a,task_memcg=/lab/kubepods/pod-a/{folder},task=tail,pid=16065,uid=0\n"
)


@pytest.mark.parametrize("folder", [ID, f"cri-containerd-{ID}.scope", f"{ID}/nested"])
def test_the_victim_is_named_by_its_cgroup(folder: str) -> None:
    assert victim_of(LINE.format(id=ID, folder=folder)) == ID


@pytest.mark.parametrize("record", ["", "6,1,2,-;eth0: link up", LINE.format(id=ID, folder="not-an-id")])
def test_other_records_are_passed_over(record: str) -> None:
    assert victim_of(record) is None


def test_records_are_told_as_they_come(tmp_path: Path) -> None:
    """A named pipe stands for the device: it too gives what is there and then blocks."""
    pipe = tmp_path / "kmsg"
    os.mkfifo(pipe)
    told: list[str] = []

    async def follow() -> None:
        with watch_kernel_log(pipe, told.append), pipe.open("wb", buffering=0) as writer:
            writer.write(LINE.format(id=ID, folder=ID).encode())
            async with asyncio.timeout(10):
                while not told:
                    await asyncio.sleep(0)

    asyncio.run(follow())
    assert told == [ID]


def test_without_a_log_nothing_breaks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def enter() -> None:
        with watch_kernel_log(tmp_path / "absent", print):
            pass

    asyncio.run(enter())
    assert "told by the runtime alone" in caplog.text
