# SPDX-License-Identifier: Apache-2.0
"""The limits of a pod's cgroup on the real kernel, in a cgroup of the test's own."""

import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cgroup.errors import CgroupBusyError, CgroupError
from agent.cgroup.layout import pod_cgroup
from agent.cgroup.manager import Cgroups, open_cgroups
from agent.cgroup.model import CgroupLimits, QosClass

pytestmark = pytest.mark.node

MIB = 2**20
DEADLINE = 30

# Enters the container's cgroups, says so, runs what it is told.
ENTER = """
import sys
for folder in sys.argv[2:]:
    with open(folder + "/cgroup.procs", "w") as procs:
        procs.write("0")
print("in", flush=True)
exec(sys.argv[1])
"""
WAIT = "sys.stdin.read()"
HOLD_32_MIB = "block = bytearray(b'x') * 2**25; print('held', flush=True); sys.stdin.read()"
TAKE_EVER_MORE = "blocks = []\nwhile True: blocks.append(bytearray(b'x') * 2**20)"
SPIN = "while True: pass"


@pytest.fixture
def cgroups() -> Cgroups:
    try:
        return open_cgroups()
    except CgroupError as error:
        pytest.skip(str(error))


@pytest.fixture
def root(cgroups: Cgroups) -> Iterator[str]:
    """A cgroup of this test's own, gone afterwards."""
    path = f"/orlop-test-{secrets.token_hex(4)}"
    yield path
    cgroups.remove(path)
    assert not [mount for mount in cgroups.kernel.folders if (mount / path.lstrip("/")).exists()]


@pytest.fixture
def pod(root: str) -> str:
    return pod_cgroup(root, QosClass.BURSTABLE, "default", "web", "uid")


@contextmanager
def container(cgroups: Cgroups, pod: str, program: str) -> Iterator["subprocess.Popen[str]"]:
    """A process in a cgroup below the pod's, as the runtime would put it there; killed at the end."""
    path = f"{pod}/container"
    cgroups.ensure(path, CgroupLimits())
    folders = [str(folder) for folder in cgroups.read(path).folders]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", ENTER, program, *folders],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE} s: {what}"
        time.sleep(0.01)


def test_the_kernel_states_what_was_asked_for_and_nothing_stays(
    cgroups: Cgroups, root: str, pod: str
) -> None:
    limits = CgroupLimits(204, 20_000, 100_000, 64 * MIB, 50)
    cgroups.ensure(pod, limits)
    cgroups.ensure(pod, limits)
    state = cgroups.read(pod)
    assert (state.limits.cpu_quota_us, state.limits.memory_max, state.limits.pids_max) == (
        20_000,
        64 * MIB,
        50,
    )
    assert len(state.folders) == len(cgroups.kernel.folders)
    assert cgroups.list_pods(root) == (pod,)
    cgroups.ensure(pod, CgroupLimits())
    assert cgroups.read(pod).limits == CgroupLimits(1024, None, 100_000, None, None)
    cgroups.remove(pod)
    cgroups.remove(pod)
    assert cgroups.list_pods(root) == ()


def test_a_process_that_takes_more_memory_than_its_pod_has_is_killed(cgroups: Cgroups, pod: str) -> None:
    cgroups.ensure(pod, CgroupLimits(memory_max=32 * MIB))
    with container(cgroups, pod, TAKE_EVER_MORE) as process:
        assert process.wait(DEADLINE) == -signal.SIGKILL
    usage = cgroups.read(pod).usage
    assert usage.oom_kills == 1
    assert usage.memory_peak_bytes is not None
    assert 16 * MIB < usage.memory_peak_bytes <= 32 * MIB


def test_a_200m_quota_gives_a_fifth_of_a_core(cgroups: Cgroups, pod: str) -> None:
    cgroups.ensure(pod, CgroupLimits(cpu_shares=204, cpu_quota_us=20_000, cpu_period_us=100_000))
    with container(cgroups, pod, SPIN):
        # The first period may begin anywhere, so measure from a full stop on.
        wait_until(lambda: used(cgroups, pod) > 100_000, "it runs")
        before, start = used(cgroups, pod), time.monotonic()
        wait_until(lambda: used(cgroups, pod) > before + 600_000, "it used 600 ms of CPU")
        share = (used(cgroups, pod) - before) / ((time.monotonic() - start) * 1e6)
        throttled = cgroups.read(pod).usage.throttled_us
    assert 0.17 <= share <= 0.23, f"{share:.3f} of a core"
    assert throttled


def used(cgroups: Cgroups, pod: str) -> int:
    cpu = cgroups.read(pod).usage.cpu_us
    assert cpu is not None
    return cpu


def test_a_limit_below_what_is_in_use_is_refused_with_operation_path_and_data(
    cgroups: Cgroups, pod: str
) -> None:
    if cgroups.unified:
        pytest.skip("v2 takes such a limit and kills")
    cgroups.ensure(pod, CgroupLimits(memory_max=64 * MIB))
    with container(cgroups, pod, HOLD_32_MIB) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        words = rf"cannot write {8 * MIB} to memory\.limit_in_bytes of .*{pod}: Device or resource busy"
        with pytest.raises(CgroupError, match=words):
            cgroups.ensure(pod, CgroupLimits(memory_max=8 * MIB))
        assert cgroups.read(pod).limits.memory_max == 64 * MIB
        cgroups.ensure(pod, CgroupLimits(memory_max=48 * MIB))
        assert cgroups.read(pod).limits.memory_max == 48 * MIB


def test_an_impossible_limit_is_refused_with_operation_path_and_data(cgroups: Cgroups, pod: str) -> None:
    with pytest.raises(CgroupError, match=rf"cannot write .*1.* to cpu\..* of .*{pod}: Invalid argument"):
        cgroups.ensure(pod, CgroupLimits(cpu_quota_us=1))


def test_a_pod_has_no_more_processes_than_its_limit(cgroups: Cgroups, pod: str) -> None:
    fork = "import os\ntry: os.fork()\nexcept BlockingIOError: print('refused', flush=True)\nsys.stdin.read()"
    cgroups.ensure(pod, CgroupLimits(pids_max=1))
    with container(cgroups, pod, fork) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "refused\n"
        assert cgroups.read(pod).usage.pids == 1


def test_a_cgroup_in_use_is_not_removed_and_its_processes_are_named(cgroups: Cgroups, pod: str) -> None:
    cgroups.ensure(pod, CgroupLimits())
    with container(cgroups, pod, WAIT) as process:
        words = re.escape(f"cannot remove cgroup {pod}: processes {process.pid} sit in it")
        with pytest.raises(CgroupBusyError, match=words) as caught:
            cgroups.remove(pod)
        assert caught.value.pids == cgroups.processes(pod) == (process.pid,)
        assert process.poll() is None
    cgroups.remove(pod)


def test_left_overs_in_one_hierarchy_are_found_and_removed(cgroups: Cgroups, root: str, pod: str) -> None:
    cgroups.ensure(pod, CgroupLimits())
    for hierarchy in cgroups.kernel.folders[1:]:
        (hierarchy / pod.lstrip("/")).rmdir()
    assert cgroups.list_pods(root) == (pod,)
    cgroups.remove(pod)
    assert cgroups.list_pods(root) == ()


def test_a_process_may_enter_a_new_cgroup_of_every_controller(cgroups: Cgroups, pod: str) -> None:
    cgroups.ensure(pod, CgroupLimits())
    with container(cgroups, pod, WAIT) as process:
        mine = Path(f"/proc/{process.pid}/cgroup").read_text().splitlines()
    assert all(line.endswith(f":{pod}/container") for line in mine), mine
