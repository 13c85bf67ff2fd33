# SPDX-License-Identifier: Apache-2.0
"""The HTTPS site with its door, over real TLS on loopback: certificates, tokens, refusals, and what is found where."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.pod.model import ObservedPod, PodKey
from agent.pod.view import PodView
from agent.server.answers import Answers
from agent.server.certificate import server_context
from agent.server.config import HttpsConfig
from agent.server.container_logs import read_options
from agent.server.guard import Guard
from agent.server.site import HttpsSite, find_site, https_site, unix_site
from agent.sources.model import Snapshot
from cri import connect
from tests.support.certificates import Authority
from tests.support.fake_cri import FakeRuntime
from tests.unit.agent import builders


class Book:
    """Pods as a test wants them."""

    def __init__(self, tmp_path: Path) -> None:
        path = tmp_path / "0.log"
        path.write_text("2026-01-01T00:00:00.5Z stdout F hello\n2026-01-01T00:00:01.5Z stderr F bad\n")
        made = builders.container()
        status = type(made.status)(**{**_fields(made.status), "log_path": str(path)})
        container = type(made)(made.sandbox_id, status)
        self.views: Mapping[PodKey, PodView] = {
            PodKey("default", "web"): PodView(observed=ObservedPod((builders.sandbox(),), (container,)))
        }
        self.snapshot = Snapshot({PodKey("default", "web"): builders.pod("app", "later")})
        self.looked = asyncio.Event()


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


class Api:
    async def request(self, _method: str, path: str, *, body: Any = None) -> dict[str, Any]:
        if path.endswith("tokenreviews"):
            return {
                "status": {"authenticated": body["spec"]["token"] == "good", "user": {"username": "anna"}}
            }
        return {"status": {"allowed": body["spec"]["resourceAttributes"]["subresource"] == "metrics"}}


Ask = Callable[..., Awaitable[tuple[int, str]]]


def play(tmp_path: Path, act: Callable[[Ask, Book, Authority], Awaitable[None]]) -> None:
    """A site whose client authority is the one given, and a function that asks it (path, token, certificate)."""
    authority = Authority("clients")
    (tmp_path / "ca").write_bytes(authority.pem)
    certificate, key = authority.issue("node1")
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)

    async def main() -> None:
        fake = FakeRuntime(tmp_path / "cri.sock")
        await fake.start()
        runtime, book = await connect(fake.socket), Book(tmp_path)
        answers = Answers("node1", "", runtime, book, config={"port": 1})
        context = server_context(tmp_path / "crt", tmp_path / "key", tmp_path / "ca")
        guard = Guard("node1", Api(), groups=frozenset({"system:masters"}))
        try:
            async with https_site(answers, guard, HttpsSite("127.0.0.1", 0, context)) as port:
                await act(_asker(port), book, authority)
        finally:
            await runtime.close()
            await fake.close()

    asyncio.run(main())


def _asker(port: int) -> Ask:
    async def ask(
        path: str,
        token: str = "",
        *,
        client: ssl.SSLContext | None = None,
        json: bool = False,
        method: str = "GET",
    ) -> tuple[int, str]:
        context = client or _anybody()
        headers = {"Accept": "application/json" if json else "*/*"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"https://127.0.0.1:{port}{path}", ssl=context, headers=headers
            ) as answer,
        ):
            return answer.status, await answer.text()

    return ask


def _anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client(folder: Path, authority: Authority, name: str) -> ssl.SSLContext:
    certificate, key = authority.issue(name)
    (folder / f"{name}.pem").write_bytes(certificate + key)
    context = _anybody()
    context.load_cert_chain(folder / f"{name}.pem")
    return context


def test_who_gets_in(tmp_path: Path) -> None:
    async def act(ask: Ask, _book: Book, authority: Authority) -> None:
        assert await ask("/healthz") == (401, "Unauthorized\n")
        assert (await ask("/metrics", "bad"))[0] == 401
        assert (await ask("/metrics", "good"))[0] == 200
        status, text = await ask("/pods", "good")
        assert (status, text) == (
            403,
            "Forbidden (user=anna, verb=get, resource=nodes, subresource(s)=[pods proxy])\n",
        )
        known = client(tmp_path, authority, "carl")
        assert (await ask("/metrics", client=known))[0] == 200
        assert "user=carl" in (await ask("/configz", client=known))[1]
        with pytest.raises((aiohttp.ClientError, OSError)):
            await ask("/metrics", client=client(tmp_path, Authority("others"), "eve"))

    play(tmp_path, act)


def test_refusals_are_a_status_for_who_wants_json(tmp_path: Path) -> None:
    async def act(ask: Ask, _book: Book, _authority: Authority) -> None:
        status, text = await ask("/nothing", json=True)
        assert status == 401
        assert '"kind": "Status"' in text
        assert '"reason": "Unauthorized"' in text

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/healthz", 200, "ok"),
        ("/healthz/ping", 200, "ok"),
        ("/healthz/syncloop", 503, "was not looked at"),
        ("/configz", 200, '"port": 1'),
        ("/containerLogs/default/web/app", 200, "hello\nbad\n"),
        ("/containerLogs/default/web/app?stream=Stderr", 200, "bad\n"),
        ("/containerLogs/default/web/app?tailLines=1&timestamps=true", 200, "2026-01-01T00:00:01.5Z bad\n"),
        ("/containerLogs/default/web-node1/app", 200, "hello\nbad\n"),
        ("/containerLogs/default/web/app?previous=true", 400, 'previous terminated container "app"'),
        ("/containerLogs/default/web/later", 400, "is waiting to start: ContainerCreating"),
        (
            "/containerLogs/default/web/none",
            404,
            'container "none" not found in pod "web"; it has: app, later',
        ),
        ("/containerLogs/default/none/app", 404, "pod default/none does not exist on this node"),
        ("/containerLogs/other/web/app", 404, "does not exist"),
        ("/exec/default/web/app?command=id&output=1", 400, "needs an upgraded connection"),
        ("/exec/default/web/none?command=id&output=1", 404, "not found"),
        ("/exec/default/web/u2/app?command=id&output=1", 404, "does not exist"),
        ("/exec/default/web/u1/app?command=id&output=1", 400, "needs an upgraded connection"),
        ("/portForward/default/web", 400, "needs an upgraded connection"),
        ("/runningpods/", 200, '"name": "web"'),
        ("/logs/", 404, ""),
        ("/status", 404, ""),
    ],
)
def test_answers(tmp_path: Path, path: str, status: int, words: str) -> None:
    async def main() -> None:
        fake = FakeRuntime(tmp_path / "cri.sock")
        await fake.start()
        runtime, book = await connect(fake.socket), Book(tmp_path)
        answers = Answers("node1", "", runtime, book, config={"port": 1})
        try:
            # The unix socket has the same routes, without the door.
            async with unix_site(answers, tmp_path / "run" / "agent.sock"):
                assert (tmp_path / "run" / "agent.sock").stat().st_mode & 0o777 == 0o600
                connector = aiohttp.UnixConnector(str(tmp_path / "run" / "agent.sock"))
                async with (
                    aiohttp.ClientSession(connector=connector) as session,
                    session.get(f"http://agent{path}") as answer,
                ):
                    text = await answer.text()
                    if path == "/status":
                        assert answer.status == 200, "which is there, and not at the port"
                        return
                    assert (answer.status, words in text) == (status, True), text
        finally:
            await runtime.close()
            await fake.close()

    asyncio.run(main())


def test_options_of_logs() -> None:
    options = read_options(
        {"sinceSeconds": "10", "tailLines": "0", "limitBytes": "5", "timestamps": "true"}, 1000.5
    )
    assert (options.since, options.tail, options.limit, options.timestamps) == (990_500_000_000, 0, 5, True)
    assert read_options({"sinceTime": "1970-01-01T00:00:01.5Z"}, 0).since == 1_500_000_000


def test_a_site_without_a_certificate_has_its_own(tmp_path: Path) -> None:
    site = asyncio.run(find_site(HttpsConfig(tmp_path / "pki", port=0), "node1", ("127.0.0.1",)))
    assert (site.host, site.port) == ("0.0.0.0", 0)
    assert (tmp_path / "pki" / "kubelet.crt").exists()
