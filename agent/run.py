# SPDX-License-Identifier: Apache-2.0
"""The agent's only door to processes: it runs CNI plugins (verb GC), nothing else."""

import asyncio
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from agent.errors import AgentError

DEADLINE = 30.0


async def run_plugin(path: Path, env: Mapping[str, str], stdin: bytes) -> bytes:
    """Run a CNI plugin and return what it printed; raises AgentError with its words when it fails.

    The command of the error can be pasted into a shell.
    """
    process = await asyncio.create_subprocess_exec(
        path,
        env={"PATH": os.defpath, **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AgentError(f"cannot run {_line(path, env)}: no answer within {DEADLINE:g} s") from None
    if process.returncode != 0:
        words = (out or err).decode(errors="replace").strip()
        raise AgentError(f"cannot run {_line(path, env)}: exit code {process.returncode}: {words}")
    return out


def _line(path: Path, env: Mapping[str, str]) -> str:
    return " ".join(
        [*(f"{name}={shlex.quote(value)}" for name, value in env.items()), shlex.quote(str(path))]
    )
