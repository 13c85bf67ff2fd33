# SPDX-License-Identifier: Apache-2.0
"""The daemon: parallel calls, hostile clients, its socket's life, and the shim when it is not there."""

import os
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from netplugin.ipam import read_allocations
from tests.node.netplugin.conftest import ours
from tests.support.cni import Runtime, addresses_of
from tests.support.netdaemon import daemon
from tests.support.netns import namespace
from tests.support.wait import until

pytestmark = pytest.mark.node


def ask(settings, data, *, close=True):
    """What the daemon says to these bytes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(settings.socket))
        client.sendall(data)
        if close:
            client.shutdown(socket.SHUT_WR)
        return client.recv(65536)


def test_many_pods_at_a_time(node, settings, new_pod):
    runtime = ours(node, settings)
    pods = [new_pod() for _ in range(20)]
    with daemon(node, settings), ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda one: runtime.add(one[1], f"c{one[0]}"), enumerate(pods)))
        assert len({address for result in results for address in addresses_of(result)}) == 20
        list(pool.map(lambda one: runtime.delete(one[1], f"c{one[0]}"), enumerate(pods)))
    assert read_allocations(settings.state_dir) == ()
    assert set(node.links()) == {"orlop0"}


def test_an_add_and_its_del_at_the_same_time_leave_all_or_nothing(node, settings, pod):
    runtime = ours(node, settings)
    with daemon(node, settings), ThreadPoolExecutor(2) as pool:
        for number in range(5):
            adding = pool.submit(runtime.call, "ADD", pod, f"c{number}")
            deleting = pool.submit(runtime.call, "DEL", pod, f"c{number}")
            assert adding.result().code == deleting.result().code == 0
            present = len(node.links()) == 2
            assert bool(read_allocations(settings.state_dir)) == present
            runtime.delete(pod, f"c{number}")


def test_the_socket_is_for_root_alone(node, settings):
    with daemon(node, settings):
        mode = settings.socket.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert mode & 0o777 == 0o600
    assert not settings.socket.exists()


def test_a_second_daemon_is_refused_and_the_first_goes_on(node, settings, pod):
    with daemon(node, settings):
        with pytest.raises(AssertionError, match="did not start"), daemon(node, settings):
            pass
        assert settings.socket.exists()
        ours(node, settings).add(pod)


def test_a_dead_daemons_socket_is_replaced(node, settings, pod):
    with daemon(node, settings) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert settings.socket.exists()
    ours(node, settings).add(pod, "c1")
    with daemon(node, settings):
        assert ask(settings, b"nonsense\n") == b""
        ours(node, settings).delete(pod, "c1")


HOSTILE = [
    b"",
    b"\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"orlop-cni 1 5 5 net:[1]\nab",
    b"orlop-cni 1 99999999 0 net:[1]\n",
    b"x" * 100_000,
    os.urandom(3000),
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_garbage_gets_no_answer_and_does_no_harm(node, settings, pod, data):
    with daemon(node, settings):
        for _ in range(10):  # more than there are threads
            with suppress(ConnectionError):
                assert ask(settings, data) == b""
        ours(node, settings).add(pod)


def test_silent_clients_do_not_keep_pods_waiting_for_ever(node, settings, pod):
    with daemon(node, settings):
        silent = []
        for _ in range(8):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(settings.socket))
            silent.append(client)
        ours(node, settings).add(pod)
        for client in silent:
            client.close()


def test_a_client_that_goes_away_does_no_harm(node, settings, pod):
    runtime = ours(node, settings)
    environ = runtime.environment("ADD", pod, "gone")
    with daemon(node, settings):
        variables = "\0".join(f"{name}={value}" for name, value in environ.items()).encode()
        stdin = b"{}"
        inode = Path("/proc/self/ns/net").readlink()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(settings.socket))
            client.sendall(
                f"orlop-cni 1 {len(variables)} {len(stdin)} {inode}\n".encode() + variables + stdin
            )
        runtime.add(pod)


def test_a_plugin_in_another_namespace_works_on_its_own_node(node, settings, pod):
    """Two nodes on one machine that were given the same socket by mistake."""
    with daemon(node, settings), namespace("node2") as other:
        ours(other, settings).add(pod)
        assert len(other.links()) == 2
        assert set(node.links()) == set()


def test_a_daemon_that_stops_finishes_what_runs(node, settings, new_pod):
    runtime = ours(node, settings)
    pods = [new_pod() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        with daemon(node, settings) as process:
            adding = [pool.submit(runtime.add, pod, f"c{number}") for number, pod in enumerate(pods)]
            until(lambda: read_allocations(settings.state_dir))
            process.terminate()
            assert process.wait(20) == 0
        results = [one.result() for one in adding]
    assert len({address for result in results for address in addresses_of(result)}) == 6
    assert len(node.links()) == 7


def test_loopback_and_main_plugin_at_the_same_time(node, settings, pod):
    """As containerd does it for each sandbox."""
    loopback = Runtime(
        node, settings.cni_bin_dir, {"cniVersion": "1.0.0", "name": "cni-loopback", "type": "loopback"}
    )
    with daemon(node, settings), ThreadPoolExecutor(2) as pool:
        first = pool.submit(ours(node, settings).add, pod)
        second = pool.submit(loopback.add, pod, ifname="lo")
        assert addresses_of(first.result()) == ["10.244.1.2"]
        assert "127.0.0.1" in addresses_of(second.result())
