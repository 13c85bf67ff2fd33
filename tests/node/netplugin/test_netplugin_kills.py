# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at every boundary of ADD, DEL and GC, then recovery: nothing leaked, nothing doubled.

The boundaries are counted by the plan itself: a run that is told to die at a boundary that it does not reach ends
normally, which ends the enumeration.
"""

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from netplugin.ipam import read_allocations
from tests.node.netplugin.conftest import ours
from tests.support.cni import Runtime, addresses_of
from tests.support.netdaemon import ROOT, daemon
from tests.support.netns import Namespace, namespace
from tests.support.packets import pings

pytestmark = [pytest.mark.node, pytest.mark.slow]

KILLED = -signal.SIGKILL
HOST_PORT = {"portMappings": [{"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}]}


def with_host_port(runtime: Runtime) -> Runtime:
    """The runtime asks for everything that an ADD can make."""
    return replace(runtime, config={**runtime.config, "runtimeConfig": HOST_PORT})


@pytest.fixture
def in_process(in_process: Runtime) -> Runtime:
    return with_host_port(in_process)


def leads(node: Namespace) -> list[str]:
    """The elements of the maps of host ports."""
    listing = node.run("nft", "list", "table", "inet", "orlop-netplugin", check=False).stdout.decode()
    return [line for line in listing.splitlines() if "8080 :" in line]


def killed_call(
    runtime: Runtime, verb: str, pod: Namespace | str, at: int, *folder: str, **keys: object
) -> bool:
    """Run one verb in a process that dies at a boundary; False when it ended before that, well.

    With a folder the boundaries are the file operations below it.
    """
    container = "" if verb == "GC" else "c1"
    process = runtime.node.start(
        sys.executable,
        "-m",
        "tests.support.pluginrun",
        str(at),
        *folder,
        cwd=ROOT,
        stdin=-1,
        stdout=-1,
        env=runtime.environment(verb, pod, container),
    )
    output, _ = process.communicate(json.dumps({**runtime.config, **keys}).encode())
    assert process.returncode in (0, KILLED), output
    return process.returncode == KILLED


def pairs(node: Namespace) -> set[str]:
    return {name for name in node.links() if name != "orlop0"}


def held(settings) -> list[str]:
    return [str(one.address) for one in read_allocations(settings.state_dir)]


def assert_clean(settings, node: Namespace, pod: Namespace) -> None:
    assert held(settings) == []
    assert pairs(node) == set()
    assert pod.links() == {}
    assert leads(node) == []


def add_again(runtime: Runtime, settings, pod: Namespace) -> None:
    """The runtime repeats the ADD: one address, one interface, and it works."""
    before = held(settings)
    [address] = addresses_of(runtime.add(pod))
    assert held(settings) == [address]
    assert before in ([], [address])
    assert len(pairs(runtime.node)) == 1
    assert len(leads(runtime.node)) == 1
    assert pings(pod, "10.244.1.1")
    runtime.delete(pod)


def delete(runtime: Runtime, _settings, pod: Namespace) -> None:
    """The runtime gives up and sends the DEL."""
    runtime.delete(pod)
    runtime.delete(pod)


def collect(runtime: Runtime, _settings, _pod: Namespace) -> None:
    """The runtime died with the plugin and knows of nothing."""
    runtime.collect().ok()


RECOVERIES = [add_again, delete, collect]


@pytest.mark.parametrize("recover", RECOVERIES)
@pytest.mark.parametrize("what", ["operations", "files"])
def test_an_add_killed_anywhere_is_recovered_from(
    in_process: Runtime, settings, what: str, recover: Callable[..., None]
):
    """On a fresh node each time, so that its own set-up is killed too."""
    for boundary in count():
        with namespace("node") as node, namespace("pod") as pod:
            runtime = replace(in_process, node=node)
            folder = [str(settings.state_dir)] if what == "files" else []
            killed = killed_call(runtime, "ADD", pod, boundary, *folder)
            recover(runtime, settings, pod)
            assert_clean(settings, node, pod)
        if not killed:
            break
    assert boundary > 10


@pytest.mark.parametrize("verb", ["DEL", "GC"])
def test_a_del_and_a_gc_killed_anywhere_are_finished_by_the_next(
    in_process: Runtime, settings, node, pod, verb
):
    valid = {"cni.dev/valid-attachments": [], "cniVersion": "1.1.0"} if verb == "GC" else {}
    for boundary in count():
        in_process.add(pod)
        killed = killed_call(in_process, verb, pod, boundary, **valid)
        in_process.call(verb, pod if verb == "DEL" else "", "c1" if verb == "DEL" else "", **valid).ok()
        assert_clean(settings, node, pod)
        if not killed:
            break
    assert boundary >= 2


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
def test_a_daemon_killed_anywhere_does_not_fail_the_call(settings, node, pod, verb):
    """The shim notices and does the work itself; what the daemon had done is taken over."""
    runtime = with_host_port(ours(node, settings))
    for boundary in count():
        if verb == "DEL":
            runtime.add(pod)
        with daemon(node, settings, kill_at=boundary) as process:
            answer = runtime.call(verb, pod)
            dead = process.poll() is not None
        answer.ok()
        if verb == "ADD":
            [address] = addresses_of(answer.result)
            assert held(settings) == [address]
            assert len(pairs(node)) == 1
            assert pings(pod, "10.244.1.1")
            runtime.delete(pod)
        assert_clean(settings, node, pod)
        if not dead:
            break
    assert boundary >= 2


def test_addresses_outlive_the_daemon(settings, node, new_pod):
    """Killed with pods running, started again: nobody loses an address, nobody gets one that is held."""
    runtime = ours(node, settings)
    first, second = new_pod(), new_pod()
    with daemon(node, settings) as process:
        result = runtime.add(first, "c1")
        process.kill()
        process.wait()
    with daemon(node, settings):
        assert addresses_of(runtime.add(second, "c2")) != addresses_of(result)
        runtime.check(first, result, "c1").ok()
        assert pings(first, "10.244.1.1")
