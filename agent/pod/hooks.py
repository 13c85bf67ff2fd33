# SPDX-License-Identifier: Apache-2.0
"""postStart and preStop: a command in the container, a GET, or a pause.

A postStart hook that fails ends its container; a preStop hook that fails is told and changes nothing. Neither is tried
again by itself. Whoever calls bounds a preStop hook by the grace period: cancelling ends it.
"""

import asyncio
import shlex
from dataclasses import dataclass

from lightkube.models import core_v1

from agent.errors import OperationError
from agent.probe.checks import Executor
from agent.probe.http import probe_http
from agent.probe.model import HttpCheck, Outcome
from agent.probe.render import ProbeError, check
from cri import CriError

POST_START_FAILED = "PostStartHookError"
PRE_STOP_FAILED = "FailedPreStopHook"

# The GET of a hook waits so long for its answer when nothing else bounds it, a command may run so long; in seconds.
LONGEST_GET = 60.0
LONGEST_COMMAND = 24 * 3600
_SHOWN = 1024


@dataclass(frozen=True, slots=True)
class HookTarget:
    """The container that a hook is for; about names it in messages, "container default/web/app"."""

    container: core_v1.Container
    container_id: str
    pod_ip: str
    about: str


class HookError(OperationError):
    """A hook did not end well; the text has what it printed or was answered."""


async def run_post_start(runtime: Executor, handler: core_v1.LifecycleHandler, target: HookTarget) -> None:
    """Run the hook to its end. Raises HookError with reason PostStartHookError."""
    if why := await _failure(runtime, handler, target):
        raise HookError(POST_START_FAILED, f"postStart hook of {target.about} failed: {why}")


async def run_pre_stop(runtime: Executor, handler: core_v1.LifecycleHandler, target: HookTarget) -> None:
    """Run the hook to its end. Raises HookError with reason FailedPreStopHook."""
    if why := await _failure(runtime, handler, target):
        raise HookError(PRE_STOP_FAILED, f"preStop hook of {target.about} failed: {why}")


def describe(handler: core_v1.LifecycleHandler) -> str:
    """What a hook does, in a few words, for plans."""
    if handler.exec:
        return f"run {shlex.join(handler.exec.command or ())}"
    if handler.httpGet:
        return f"GET {handler.httpGet.path or '/'} at port {handler.httpGet.port}"
    return f"pause {handler.sleep.seconds} s" if handler.sleep else "nothing"


async def _failure(runtime: Executor, handler: core_v1.LifecycleHandler, target: HookTarget) -> str:
    """Why it failed, "" when it did not."""
    if handler.sleep:
        await asyncio.sleep(handler.sleep.seconds)
        return ""
    try:
        made = check(
            core_v1.Probe(exec=handler.exec, httpGet=handler.httpGet), target.container, target.pod_ip
        )
    except ProbeError as error:
        return str(error)
    if isinstance(made, HttpCheck):
        result = await probe_http(made, LONGEST_GET)
        return "" if result.outcome is Outcome.SUCCESS else result.message[:_SHOWN]
    return await _run(runtime, tuple((handler.exec and handler.exec.command) or ()), target)


async def _run(runtime: Executor, command: tuple[str, ...], target: HookTarget) -> str:
    try:
        done = await runtime.exec_sync(
            target.container_id, command, timeout=LONGEST_COMMAND, about=target.about
        )
    except CriError as error:
        return error.detail
    if done.exit_code == 0:
        return ""
    output = (done.stdout + done.stderr)[:_SHOWN].decode(errors="replace").strip()
    said = f": {output}" if output else ""
    return f"command '{shlex.join(command)}' exited with {done.exit_code}{said}"
