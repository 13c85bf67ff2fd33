# SPDX-License-Identifier: Apache-2.0
"""`up` and `down` are killed in the middle, at one after the other of their effects, and the next one copes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab import Lab, cgroup, namespace, remains_of
from tests.support.lab_fixture import idle_node

pytestmark = [pytest.mark.node, pytest.mark.skipif(os.geteuid() != 0, reason="labs need root")]

# Runs a method of a lab and kills itself just before its Nth effect on files, names, locks, processes or marks.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from lab import Lab, LabSpec
name, root, method, left = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
lab = Lab(LabSpec(name=name, root=root, node_command=("sleep", "infinity"), node_ready="", controlplane=False))
EFFECTS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.setxattr", "subprocess.Popen",
           "shutil.rmtree", "fcntl.flock", "signal.pidfd_send_signal", "socket.connect", "socket.bind"}
def watch(event, arguments):
    global left
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in EFFECTS or writes:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
getattr(lab, method)()
"""
STEPS = (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 24, 28, 32, 36, 40, 45, 50, 60, 80, 100)


def killed(lab: Lab, method: str, step: int) -> bool:
    """Whether the method got as far as its `step`-th effect."""
    words = [sys.executable, "-c", SCRIPT, lab.spec.name, str(lab.paths.root), method, str(step)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0


@pytest.fixture
def lab(no_leaks: list[str]) -> Iterator[Lab]:
    made = Lab(idle_node())
    no_leaks.append(made.spec.name)
    yield made
    remains_of(made.spec.name, made.paths.root).down()


def nothing_is_left(lab: Lab) -> bool:
    found = cgroup.hierarchies()
    return not (
        lab.paths.root.exists()
        or any(each.folder(lab.paths.cgroup).exists() for each in found)
        or namespace.links_into(lab.paths.netns_folder, lab.paths.root)
    )


@pytest.mark.parametrize("step", STEPS)
def test_down_after_an_up_that_was_killed(lab: Lab, step: int) -> None:
    killed(lab, "up", step)
    remains_of(lab.spec.name, lab.paths.root).down()
    assert nothing_is_left(lab)


@pytest.mark.parametrize("step", STEPS[1::3])
def test_up_after_an_up_that_was_killed(lab: Lab, step: int) -> None:
    killed(lab, "up", step)
    lab.up()
    assert lab.status().up


@pytest.mark.parametrize("step", STEPS)
def test_down_after_a_down_that_was_killed(lab: Lab, step: int) -> None:
    lab.up()
    killed(lab, "down", step)
    remains_of(lab.spec.name, lab.paths.root).down()
    assert nothing_is_left(lab)


@pytest.mark.parametrize("step", STEPS[1::3])
def test_up_after_a_down_that_was_killed(lab: Lab, step: int) -> None:
    lab.up()
    killed(lab, "down", step)
    lab.up()
    assert lab.status().up


@pytest.mark.parametrize("times", range(8))
def test_down_right_after_an_up_that_was_killed_while_its_supervisor_starts(lab: Lab, times: int) -> None:
    words = [sys.executable, "-c", SCRIPT, lab.spec.name, str(lab.paths.root), "up", "0"]
    up = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Its log is opened just before the supervisor is started.
    while not lab.paths.supervisor_log.exists():
        assert up.poll() is None
    for _ in range(times):
        os.sched_yield()
        lab.status()
    up.kill()
    up.wait()
    remains_of(lab.spec.name, lab.paths.root).down()
    assert nothing_is_left(lab)


def test_the_steps_reach_from_the_first_effect_to_the_last(lab: Lab) -> None:
    assert killed(lab, "up", 40)
    assert not killed(lab, "up", 1000)
    assert killed(lab, "down", 40)
    assert not killed(lab, "down", 1000)
