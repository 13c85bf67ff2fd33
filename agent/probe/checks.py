# SPDX-License-Identifier: Apache-2.0
"""Makes one probe of any kind and says how it went; never raises for what a pod or the runtime does."""

import shlex
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Protocol

from agent.probe.http import BODY_LIMIT, probe_http
from agent.probe.model import Check, ExecCheck, GrpcCheck, HttpCheck, Outcome, Result, TcpCheck
from agent.probe.render import authority
from agent.probe.tcp import probe_tcp
from cri import CriError, DeadlineExceeded, HealthAnswer
from cri.model import ExecResult

AskHealth = Callable[[str, str, float], Awaitable[HealthAnswer]]
"""cri.check_health: address "host:port", service, seconds."""


class Executor(Protocol):
    """What exec probes need of a runtime."""

    async def exec_sync(
        self, container_id: str, command: Sequence[str], *, timeout: int, about: str = ""
    ) -> ExecResult:
        """cri.Runtime.exec_sync."""


class Checker:
    """All kinds of probes."""

    def __init__(self, runtime: Executor, ask_health: AskHealth) -> None:
        """Commands run through this runtime, grpc goes through ask_health."""
        self._runtime = runtime
        self._ask_health = ask_health

    async def __call__(self, container_id: str, check: Check, timeout: float) -> Result:
        """One probe of a container, within timeout seconds."""
        match check:
            case HttpCheck():
                return await probe_http(check, timeout)
            case TcpCheck():
                return await probe_tcp(check, timeout)
            case ExecCheck(command):
                return await self._exec(container_id, command, timeout)
            case GrpcCheck():
                return await self._grpc(check, timeout)

    async def _exec(self, container_id: str, command: tuple[str, ...], timeout: float) -> Result:
        seconds = max(1, ceil(timeout))
        try:
            done = await self._runtime.exec_sync(container_id, command, timeout=seconds)
        except DeadlineExceeded:
            words = shlex.join(command)
            return Result(Outcome.FAILURE, f'command timed out: "{words}" timed out after {seconds}s')
        except CriError as error:
            return Result(Outcome.UNKNOWN, error.detail)
        output = (done.stdout + done.stderr)[:BODY_LIMIT].decode("utf-8", "replace")
        return Result(Outcome.FAILURE if done.exit_code else Outcome.SUCCESS, output)

    async def _grpc(self, check: GrpcCheck, timeout: float) -> Result:
        answer = await self._ask_health(authority(check.host, check.port), check.service, timeout)
        if answer.serving:
            return Result(Outcome.SUCCESS, "service healthy")
        return Result(Outcome.FAILURE, answer.why)
