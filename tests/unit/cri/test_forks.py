# SPDX-License-Identifier: Apache-2.0
"""Processes that are forked while calls are under way start and end as they should."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import asyncio, os, subprocess, sys
from pathlib import Path
from cri import connect  # before gRPC, as in every program of ours
from tests.support.fake_cri import FakeRuntime

def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1]

def run():
    return subprocess.run(["true"], preexec_fn=lambda: None).returncode

async def main():
    fake = FakeRuntime(Path(sys.argv[1]))
    await fake.start()
    runtime = await connect(fake.socket)
    calling = True

    async def call():
        while calling:
            await runtime.list_sandboxes()

    calls = [asyncio.create_task(call()) for _ in range(2)]
    codes = [await asyncio.to_thread(kind) for _ in range(20) for kind in (fork, run)]
    calling = False
    await asyncio.gather(*calls)
    await runtime.close()
    await fake.close()
    print(sum(codes))

asyncio.run(main())
"""


def test_forking_under_calls(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "s")],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    # Closing under calls makes the library say that it was told to go away.
    said = [line for line in done.stderr.splitlines() if "Got goaway" not in line]
    assert (done.stdout, said) == ("0\n", [])
