# SPDX-License-Identifier: Apache-2.0
"""For all tests: nothing may be left behind on the machine, and the fixtures that several components use."""

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import leaks, overlap
from tests.support.lab_fixture import cluster, joined_lab, lab_factory, orlop_lab

__all__ = ["cluster", "joined_lab", "lab_factory", "no_leaks", "orlop_lab"]

# Two cores shared by several workers: how long an example takes says nothing.
settings.register_profile("orlop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("orlop"), max_examples=2000)
settings.load_profile(os.environ.get("ORLOP_HYPOTHESIS", "orlop"))

_CHECK = pytest.StashKey["LeakCheck"]()


class LeakCheck:
    """The leak check of a whole run: it is the controller's, after all workers ended."""

    def __init__(self) -> None:
        """Mark everything that this run starts, and take the first picture."""
        self.run = uuid.uuid4().hex
        os.environ[leaks.RUN_MARK] = self.run
        self._overlap = overlap.Run()
        self._before = leaks.take(self.run)
        self.found: tuple[str, ...] = ()
        self.alone = True

    def end(self) -> None:
        """Take the second picture."""
        self.found = leaks.settled(self._before, self.run)
        self.alone = self._overlap.end()


def pytest_configure(config: pytest.Config) -> None:
    """Before any worker is started."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.stash[_CHECK] = LeakCheck()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the last session-wide fixture, and after the workers."""
    check = session.config.stash.get(_CHECK, None)
    if check is None:
        return
    check.end()
    if (
        check.found
        and check.alone
        and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say what is left, and when it cannot be this run's alone."""
    check = config.stash.get(_CHECK, None)
    if check is None or not check.found:
        return
    terminalreporter.section(
        "left behind by this run" if check.alone else "changed during this run", red=check.alone
    )
    for line in check.found:
        terminalreporter.line(line)
    if not check.alone:
        terminalreporter.line("another test run went on at the same time: not counted as a failure")


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fail the test when it leaves something behind.

    The test may append its unique names to the list that it is given: then only what shows one of them counts.
    Beside other tests (pytest-xdist) it has to, and one that does not is checked with the whole run only. Ask for this
    fixture before those that make things, so that they have cleaned up by then.
    """
    run = os.environ[leaks.RUN_MARK]
    before, names = leaks.take(run), list[str]()
    yield names
    if hasattr(request.config, "workerinput") and not names:
        return
    found = leaks.settled(before, run, names)
    assert not found, "left behind:\n" + "\n".join(found)
