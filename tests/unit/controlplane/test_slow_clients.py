# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow, silent, gone, or speak something else: each costs itself, and nobody else."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from controlplane.http.body import Bodies
from controlplane.http.fairness import LEVELS, Fairness, LevelSettings
from controlplane.http.guests import Guests, Patience
from controlplane.http.server import ApiServer
from controlplane.http.streams import Streams
from tests.support.apiserver import Running, running
from tests.support.wait import until

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
HURRY = Patience(head=3, quiet=0.5)
EXACT = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" % CONFIGMAPS.encode()


def impatient(server: ApiServer) -> None:
    """Who takes nothing for half a second is left; there is one seat for everybody."""
    server.streams = server._resources.streams = Streams(write_seconds=0.5)
    server._resources.send_seconds = 0.5
    server.fairness = Fairness({name: LevelSettings(1, 50) for name in LEVELS})


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    """Patient with those who send, impatient with those who do not take what they asked for."""
    with running(prepare=impatient) as server:
        yield server


@contextmanager
def connected(api: Running, *said: bytes, window: int = 0) -> Iterator[socket.socket]:
    """A client that has said something; window: bytes that its kernel takes for it."""
    with socket.socket() as client:
        if window:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.settimeout(30)
        client.connect(("127.0.0.1", api.port))
        for data in said:
            client.sendall(data)
        yield client


def everything(client: socket.socket) -> bytes:
    """Until the server closes the connection; a reset is an end, too."""
    data = b""
    try:
        while more := client.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data


def one_answer(client: socket.socket) -> bytes:
    """With as many bytes as it says that it has."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536) or pytest.fail(f"no answer: {data!r}")
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    while len(body) < length:
        body += client.recv(65536) or pytest.fail(f"half an answer: {data!r}")
    return head + b"\r\n\r\n" + body


def status_of(answer: bytes) -> dict[str, object]:
    """The Status of an answer, after its code was compared with the status line's."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status: dict[str, object] = json.loads(body)
    assert (status["kind"], status["code"]) == ("Status", int(head.split()[1])), answer
    return status


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET",
        b"GET /api HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal",
    ],
)
def test_a_silent_connection_is_closed(said: bytes) -> None:
    with running(guests=Guests(10, HURRY)) as api, connected(api, said) as client:
        answer = everything(client)
    assert answer.startswith(b"HTTP/1.1 200") if b"\r\n\r\n" in said else answer == b""


def test_a_connection_that_asks_is_kept() -> None:
    with running(guests=Guests(10, Patience(head=3, quiet=600))) as api, connected(api) as client:
        for _ in range(2):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert one_answer(client).endswith(b"ok")
            with connected(api) as other:
                assert everything(other) == b"", "as long as this one may be silent"


def test_a_body_that_does_not_come_is_408() -> None:
    def soon(server: ApiServer) -> None:
        server.bodies = Bodies(seconds=0.2)

    with running(prepare=soon) as api, connected(api, EXACT + b"Content-Length: 100\r\n\r\n{") as client:
        assert status_of(one_answer(client))["message"] == "the body did not arrive within 0 s"


def test_slow_bodies_take_no_seats() -> None:
    def one_seat(server: ApiServer) -> None:
        server.fairness = Fairness({name: LevelSettings(1, 50) for name in LEVELS})

    with running(prepare=one_seat) as api, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(api, EXACT + b"Content-Length: 100\r\n\r\n{"))
        assert api.post(CONFIGMAPS, {"metadata": {"name": "quick"}}).code == 201


def test_bodies_are_read_within_bounds_of_memory() -> None:
    def little(server: ApiServer) -> None:
        server.bodies = Bodies(most=200_000)

    with running(prepare=little) as api, connected(api, EXACT + b"Content-Length: 1000000\r\n\r\n") as hog:
        hog.sendall(b" " * 190_000)
        until(lambda: api.server.bodies.held >= 150_000, 60)
        refused = api.post(CONFIGMAPS, b'{"metadata":{"name":"big"}}' + b" " * 150_000)
        assert (refused.code, refused.headers["Retry-After"]) == (429, "1")
        assert api.post(CONFIGMAPS, {"metadata": {"name": "small"}}).code == 201
        hog.close()
        until(lambda: api.server.bodies.held == 0, 60)
        assert api.post(CONFIGMAPS, b'{"metadata":{"name":"big"}}' + b" " * 150_000).code == 201


def test_a_body_that_waits_to_be_asked_for(api: Running) -> None:
    body = b'{"metadata":{"name":"asked"}}'
    head = EXACT + b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(body)
    with connected(api, head + b"Connection: close\r\n\r\n") as client:
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert everything(client).startswith(b"HTTP/1.1 201")


def test_a_refusal_comes_before_the_body(api: Running) -> None:
    head = EXACT.replace(b"configmaps", b"nosuch") + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    with connected(api, head) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Expect": "tea"}, 417),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "identity"}, 201),
        ({"X-Long": "x" * 60_000}, 201),
        ({"X-Long": "x" * 70_000}, 431),
    ],
)
def test_headers(api: Running, headers: dict[str, str], code: int) -> None:
    answer = api.post(CONFIGMAPS, {"metadata": {"generateName": "h-"}}, **headers)
    assert (answer.code, answer.json["kind"]) == (code, "ConfigMap" if code == 201 else "Status")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/9\r\n\r\n", 400),
        (b"GET  \r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET /api/v1/pods/\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 500 + b"\r\n", 400),
        (EXACT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (EXACT + b"Content-Length: -1\r\n\r\n", 400),
        (EXACT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (EXACT + b"Content-Length: 3145729\r\n\r\n", 413),
    ],
)
def test_what_is_no_good_request_gets_a_status(api: Running, said: bytes, code: int) -> None:
    with connected(api, said) as client:
        assert status_of(one_answer(client))["code"] == code


def test_a_thousand_requests_at_once_on_one_connection(api: Running) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(api) as client:
        sender = threading.Thread(target=client.sendall, args=(asked * 1000,))
        sender.start()
        data = b""
        while data.count(b"HTTP/1.1 200") < 1000:
            data += client.recv(65536) or pytest.fail(f"no answer behind {data[-200:]!r}")
        sender.join()


@pytest.fixture(scope="module")
def big(api: Running) -> str:
    """A list that no kernel takes for a client that does not read."""
    for number in range(24):
        obj = {"metadata": {"name": f"big{number}"}, "data": {"x": "x" * 900_000}}
        assert api.post("/api/v1/namespaces/kube-public/configmaps", obj).code == 201
    return "/api/v1/namespaces/kube-public/configmaps"


@pytest.mark.parametrize("query", ["", "?watch=1"])
def test_who_does_not_take_an_answer_is_left(api: Running, big: str, query: str) -> None:
    ask = b"GET %b%b HTTP/1.1\r\nHost: x\r\n\r\n" % (big.encode(), query.encode())
    with connected(api, ask, window=4096) as client:
        # With one seat for all: it comes free again.
        assert api.get("/api/v1/namespaces/default").code == 200
        until_streams_are(api, 0)
        assert b"0\r\n\r\n" not in everything(client)[-10:], "half an answer does not look like a whole one"


def test_a_full_house_makes_room_for_whoever_asks() -> None:
    with running(guests=Guests(5)) as api, ExitStack() as stack:
        idle = [stack.enter_context(connected(api)) for _ in range(40)]
        assert api.get("/healthz").code == 200
        ended = [client for client in idle if is_closed(client)]
        assert len(ended) >= 35


def is_closed(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_when_all_are_busy_a_new_one_is_refused() -> None:
    watch = b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    with running(guests=Guests(3)) as api, ExitStack() as stack:
        for number in range(3):
            stack.enter_context(connected(api, watch))
            until_streams_are(api, number + 1)
        with connected(api) as client:
            assert everything(client) == b""
        stack.close()
        until_streams_are(api, 0)
        assert api.get("/healthz").code == 200


def until_streams_are(api: Running, count: int) -> None:
    until(lambda: len(api.server.streams) == count, 60)
