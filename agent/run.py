# SPDX-License-Identifier: Apache-2.0
"""The agent's only door to processes: CNI plugins (verb GC), credential providers, mount helpers."""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.errors import AgentError

DEADLINE = 30.0
# The kubelet's: a provider may have to ask a service of its cloud.
PROVIDER_DEADLINE = 60.0
# As long as mount.nfs itself goes on trying a server that does not answer.
MOUNT_DEADLINE = 120.0


async def run_plugin(path: Path, env: Mapping[str, str], stdin: bytes) -> bytes:
    """Run a CNI plugin and return what it printed; raises AgentError with its words when it fails.

    The command of the error can be pasted into a shell.
    """
    shown = " ".join(
        [*(f"{name}={shlex.quote(value)}" for name, value in env.items()), shlex.quote(str(path))]
    )
    return await _run([str(path)], {"PATH": os.defpath, **env}, stdin, shown, DEADLINE)


async def run_provider(path: Path, args: Sequence[str], env: Mapping[str, str], stdin: bytes) -> bytes:
    """Run a credential provider and return what it printed; raises AgentError, which does not show its environment."""
    command = [str(path), *args]
    return await _run(command, env, stdin, shlex.join(command), PROVIDER_DEADLINE)


async def run_helper(path: Path, *args: str) -> bytes:
    """Run a mount helper and return what it printed; raises AgentError with its words."""
    command = [str(path), *args]
    return await _run(command, {"PATH": os.defpath}, b"", shlex.join(command), MOUNT_DEADLINE)


async def _run(
    command: Sequence[str], env: Mapping[str, str], stdin: bytes, shown: str, deadline: float
) -> bytes:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env=env, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        raise AgentError(f"cannot run {shown}: {error.strerror}") from error
    try:
        async with asyncio.timeout(deadline):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        raise AgentError(f"cannot run {shown}: no answer within {deadline:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        words = (out or err).decode(errors="replace").strip()
        raise AgentError(f"cannot run {shown}: exit code {process.returncode}: {words}")
    return out
