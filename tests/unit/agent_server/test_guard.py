# SPDX-License-Identifier: Apache-2.0
"""Who may ask what: attributes, reviews, how long answers hold, and the node's own certificate."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.server.cache import LARGEST, AnswerCache
from agent.server.certificate import ensure_self_signed, server_context
from agent.server.guard import Guard, UndecidedError
from agent.server.identity import Access, User, access, of_certificate
from kube.errors import UnreachableError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = User("anna", ("dev", "system:authenticated"), "1", (("scope", ("a", "b")),))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/pods", Access("get", ("pods", "proxy"))),
        ("GET", "/runningpods/", Access("get", ("pods", "proxy"))),
        ("GET", "/healthz/syncloop", Access("get", ("healthz", "proxy"))),
        ("GET", "/configz", Access("get", ("configz", "proxy"))),
        ("GET", "/metrics/cadvisor", Access("get", ("metrics",))),
        ("POST", "/stats/summary", Access("create", ("stats",))),
        ("GET", "/logs/syslog", Access("get", ("log",))),
        ("POST", "/checkpoint/a/b/c", Access("create", ("checkpoint",))),
        ("GET", "/containerLogs/a/b/c", Access("get", ("proxy",))),
        ("POST", "/exec/a/b/c", Access("create", ("proxy",))),
        ("GET", "/metricsx", Access("get", ("proxy",))),
        ("GET", "/", Access("get", ("proxy",))),
        ("BREW", "/pods", None),
    ],
)
def test_attributes(method: str, path: str, expected: Access | None) -> None:
    assert access(method, path) == expected


def test_users_of_certificates() -> None:
    subject = (
        (("organizationName", "system:masters"),),
        (("organizationName", "b"),),
        (("commonName", "admin"),),
    )
    assert of_certificate(subject) == User("admin", ("system:masters", "b", "system:authenticated"))
    assert of_certificate(((("organizationName", "x"),),)) is None
    assert of_certificate(None) is None


class Api:
    """Reviews by table, and counts."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.allowed: set[tuple[str, str, str]] = set()
        self.is_away = False

    async def request(self, method: str, path: str, *, body: Any = None) -> dict[str, Any]:
        assert method == "POST"
        self.asked.append(body)
        await asyncio.sleep(0)
        if self.is_away:
            raise UnreachableError("nobody is there")
        spec = body["spec"]
        if path.endswith("/tokenreviews"):
            good = spec["token"] == "good"
            user = {"username": "anna", "groups": ["dev"], "uid": "1", "extra": {"k": ["v"]}}
            return {"status": {"authenticated": good, "user": user if good else {}}}
        wanted = spec["resourceAttributes"]
        known = (spec["user"], wanted["verb"], wanted["subresource"]) in self.allowed
        return {"status": {"allowed": known, "reason": "" if known else "no rule"}}


def play(act: Callable[[Api, Guard, list[float]], Awaitable[None]]) -> Api:
    api, now = Api(), [0.0]
    asyncio.run(act(api, Guard("node1", api, clock=lambda: now[0]), now))
    return api


def test_tokens_are_reviewed_and_the_answer_is_kept() -> None:
    async def act(api: Api, guard: Guard, now: list[float]) -> None:
        found = await asyncio.gather(*(guard.user_of_token("good") for _ in range(5)))
        assert set(found) == {User("anna", ("dev",), "1", (("k", ("v",)),))}
        assert len(api.asked) == 1
        now[0] = 121
        await guard.user_of_token("good")
        assert len(api.asked) == 2
        assert await guard.user_of_token("bad") is None
        assert await guard.user_of_token("bad") is None
        assert len(api.asked) == 3
        now[0] += 11
        await guard.user_of_token("bad")
        assert len(api.asked) == 4

    play(act)


def test_access_is_reviewed_with_the_kubelets_attributes_and_kept() -> None:
    async def act(api: Api, guard: Guard, now: list[float]) -> None:
        api.allowed = {("anna", "get", "proxy")}
        assert await guard.refusal(ANNA, Access("get", ("pods", "proxy"))) is None
        spec = api.asked[0]["spec"]
        assert spec["resourceAttributes"] == {
            "verb": "get",
            "version": "v1",
            "resource": "nodes",
            "subresource": "pods",
            "name": "node1",
        }
        assert (spec["user"], spec["groups"], spec["extra"]) == (
            "anna",
            ["dev", "system:authenticated"],
            {"scope": ["a", "b"]},
        )
        assert len(api.asked) == 2
        refusal = await guard.refusal(ANNA, Access("create", ("checkpoint",)))
        assert (
            refusal
            == "Forbidden (user=anna, verb=create, resource=nodes, subresource(s)=[checkpoint]): no rule"
        )
        api.allowed = set()
        now[0] = 31
        assert await guard.refusal(ANNA, Access("get", ("proxy",))) is None, (
            "a good answer holds for 5 minutes"
        )
        now[0] = 301
        assert await guard.refusal(ANNA, Access("get", ("proxy",))) is not None

    play(act)


def test_members_of_the_groups_need_no_review() -> None:
    async def act(api: Api, guard: Guard, _now: list[float]) -> None:
        api.is_away = True
        assert await guard.refusal(User("admin", ("system:masters",)), Access("get", ("proxy",))) is None

    assert play(act).asked == []


def test_an_api_server_that_is_away_decides_nothing_and_is_asked_again() -> None:
    async def act(api: Api, guard: Guard, _now: list[float]) -> None:
        api.is_away = True
        with pytest.raises(UndecidedError, match="nobody is there"):
            await guard.user_of_token("good")
        with pytest.raises(UndecidedError):
            await guard.refusal(ANNA, Access("get", ("proxy",)))
        api.is_away = False
        assert await guard.user_of_token("good") is not None

    play(act)


def test_without_an_api_server_only_the_groups_may() -> None:
    async def act() -> None:
        guard = Guard("node1", None, groups=frozenset({"ops"}))
        assert await guard.user_of_token("good") is None
        assert await guard.refusal(User("x", ("ops",)), Access("get", ("proxy",))) is None
        refusal = await guard.refusal(ANNA, Access("get", ("proxy",)))
        assert refusal is not None
        assert refusal.endswith(": this node has no API server, so only members of ops may")

    asyncio.run(act())


def test_kept_answers_are_bounded() -> None:
    asked: list[int] = []

    async def act() -> None:
        cache: AnswerCache[int] = AnswerCache(lambda _answer: 1000, lambda: 0.0)

        async def ask(number: int) -> int:
            asked.append(number)
            return number

        for number in range(LARGEST + 1):
            await cache.get(number, lambda number=number: ask(number))  # type: ignore[misc]
        await cache.get(LARGEST, lambda: ask(-1))
        await cache.get(0, lambda: ask(-2))

    asyncio.run(act())
    assert asked[-1] == -2
    assert -1 not in asked


def test_a_nodes_own_certificate_is_made_once_and_anew_when_it_must(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    certificate, key = ensure_self_signed(folder, "node1", ("127.0.0.1",), NOW)
    first = certificate.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in (certificate, key)} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    server_context(certificate, key, None)
    ensure_self_signed(folder, "node1", ("127.0.0.1",), NOW + timedelta(days=300))
    assert certificate.read_bytes() == first
    for addresses, days in ((("127.0.0.1", "::1"), 0), (("127.0.0.1", "::1"), 340)):
        ensure_self_signed(folder, "node1", addresses, NOW + timedelta(days=days))
        assert certificate.read_bytes() != first
        first = certificate.read_bytes()
    key.write_text("broken")
    ensure_self_signed(folder, "node1", ("127.0.0.1",), NOW)
    server_context(certificate, key, None)


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    (tmp_path / "crt").write_text("x")
    with pytest.raises(AgentError, match=r"cannot serve HTTPS with .*crt"):
        server_context(tmp_path / "crt", tmp_path / "key", None)


def test_tls_is_of_this_decade(tmp_path: Path) -> None:
    files = ensure_self_signed(tmp_path, "node1", (), datetime.now(UTC))
    assert server_context(*files, None).minimum_version is ssl.TLSVersion.TLSv1_2
