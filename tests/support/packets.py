# SPDX-License-Identifier: Apache-2.0
"""Packets between namespaces: a socket made inside a namespace stays there, so a test can hold both ends."""

import socket
from contextlib import ExitStack

from tests.support.netns import Namespace

DEADLINE = 3.0
GREETING = b"hello through the bridge"


def seen_source(client: Namespace, server: Namespace, address: str, listen_on: str = "") -> str:
    """The source address that the server sees when the client opens a TCP connection to `address` and speaks.

    Raises OSError when the packets do not arrive. listen_on is the server's own address when it differs.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def listen() -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.bind((listen_on or address, 0))
        made.listen()
        return made

    def connect(port: int) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.settimeout(DEADLINE)
        made.connect((address, port))
        return made

    with ExitStack() as stack:
        listener = stack.enter_context(server.call(listen))
        listener.settimeout(DEADLINE)
        port: int = listener.getsockname()[1]
        outgoing = stack.enter_context(client.call(lambda: connect(port)))
        incoming, source = listener.accept()
        stack.enter_context(incoming)
        outgoing.sendall(GREETING)
        incoming.settimeout(DEADLINE)
        assert incoming.recv(100) == GREETING
        return str(source[0])


def seen_through(
    client: Namespace,
    target: tuple[str, int],
    server: Namespace,
    listen: tuple[str, int],
    protocol: str = "tcp",
) -> str:
    """The source that the server at `listen` sees when the client speaks to `target`, and is answered from there.

    protocol is "tcp" or "udp". Raises OSError when nothing arrives.
    """
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM

    def bound() -> socket.socket:
        made = socket.socket(family, kind)
        made.settimeout(DEADLINE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(listen)
        if protocol == "tcp":
            made.listen()
        return made

    def connected() -> socket.socket:
        made = socket.socket(family, kind)
        made.settimeout(DEADLINE)
        made.connect(target)
        made.sendall(GREETING)
        return made

    with ExitStack() as stack:
        listener = stack.enter_context(server.call(bound))
        outgoing = stack.enter_context(client.call(connected))
        if protocol == "tcp":
            incoming, source = listener.accept()
            stack.enter_context(incoming)
            incoming.settimeout(DEADLINE)
            assert incoming.recv(100) == GREETING
            incoming.sendall(GREETING)
        else:
            data, source = listener.recvfrom(100)
            assert data == GREETING
            listener.sendto(GREETING, source)
        # A connected socket takes answers from the address it spoke to only.
        assert outgoing.recv(100) == GREETING
        return str(source[0])


def reaches(client: Namespace, server: Namespace, address: str) -> bool:
    """Whether a TCP connection comes about and carries data."""
    try:
        seen_source(client, server, address)
    except OSError:
        return False
    return True


def pings(client: Namespace, address: str) -> bool:
    """Whether one of three ICMP echo requests is answered."""
    return client.run("busybox", "ping", "-c", "3", "-A", "-w", "3", address, check=False).returncode == 0
