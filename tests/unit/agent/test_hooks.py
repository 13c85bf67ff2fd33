# SPDX-License-Identifier: Apache-2.0
"""Hooks: commands, GETs and pauses; what is said of those that fail, and that cancelling ends one."""

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web
from lightkube.models import core_v1

from agent.pod import hooks
from agent.pod.hooks import HookError, HookTarget
from cri.model import ExecResult

CONTAINER = core_v1.Container(name="app", ports=[core_v1.ContainerPort(8080, name="web")])
TARGET = HookTarget(CONTAINER, "c1", "127.0.0.1", "container default/web/app")


class Commands:
    """A runtime that only runs commands, and ends each with what it is told."""

    def __init__(self, exit_code: int = 0, output: bytes = b"") -> None:
        self.ran: list[tuple[str, ...]] = []
        self._result = ExecResult(exit_code, output, b"")

    async def exec_sync(self, _container_id: str, command: Sequence[str], **_options: object) -> ExecResult:
        self.ran.append(tuple(command))
        return self._result


def command(*words: str) -> core_v1.LifecycleHandler:
    return core_v1.LifecycleHandler(exec=core_v1.ExecAction(command=list(words)))


def get(port: int | str, path: str = "/") -> core_v1.LifecycleHandler:
    return core_v1.LifecycleHandler(httpGet=core_v1.HTTPGetAction(port=port, path=path))


def run(runtime: Commands, handler: core_v1.LifecycleHandler) -> None:
    asyncio.run(hooks.run_post_start(runtime, handler, TARGET))


def test_a_command_runs_in_the_container() -> None:
    runtime = Commands()
    run(runtime, command("sh", "-c", "true"))
    assert runtime.ran == [("sh", "-c", "true")]


def test_a_command_that_fails_is_told_with_what_it_printed() -> None:
    with pytest.raises(HookError) as raised:
        run(Commands(3, b"no such table\n"), command("sh", "-c", "exit 3"))
    assert raised.value.reason == "PostStartHookError"
    assert str(raised.value) == (
        "postStart hook of container default/web/app failed: command 'sh -c 'exit 3'' exited with 3: no such table"
    )


def test_a_pre_stop_hook_has_its_own_reason() -> None:
    with pytest.raises(HookError, match="preStop hook of") as raised:
        asyncio.run(hooks.run_pre_stop(Commands(1), command("false"), TARGET))
    assert raised.value.reason == "FailedPreStopHook"


@pytest.mark.parametrize(("status", "fails"), [(200, False), (404, True), (500, True)])
def test_a_get(status: int, fails: bool) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async def scenario() -> None:
        app = web.Application()
        app.router.add_get("/hook", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            await hooks.run_post_start(Commands(), get(port, "/hook"), TARGET)
        finally:
            await runner.cleanup()

    if fails:
        with pytest.raises(HookError, match=f"statuscode: {status}"):
            asyncio.run(scenario())
    else:
        asyncio.run(scenario())


def test_a_port_that_is_not_there_is_told() -> None:
    with pytest.raises(HookError, match="nowhere"):
        run(Commands(), get("nowhere"))


def test_a_pause_ends_when_it_is_cancelled() -> None:
    async def scenario() -> None:
        pause = core_v1.LifecycleHandler(sleep=core_v1.SleepAction(seconds=3600))
        task = asyncio.create_task(hooks.run_pre_stop(Commands(), pause, TARGET))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    run(Commands(), core_v1.LifecycleHandler(sleep=core_v1.SleepAction(seconds=0)))


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (command("rm", "-r", "a b"), "run rm -r 'a b'"),
        (get("web", "/x"), "GET /x at port web"),
        (core_v1.LifecycleHandler(sleep=core_v1.SleepAction(seconds=5)), "pause 5 s"),
    ],
)
def test_a_plan_says_what_a_hook_does(handler: core_v1.LifecycleHandler, words: str) -> None:
    assert hooks.describe(handler) == words
