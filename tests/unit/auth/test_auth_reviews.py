# SPDX-License-Identifier: Apache-2.0
"""Everything put together over a real store: reviews as kubectl asks them, and copies that follow the store."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.auth.main import DEFAULT_ISSUER, Auth, build
from controlplane.auth.objects import Mirror
from controlplane.auth.pki import Pki, open_pki
from controlplane.auth.rbac import GROUP
from controlplane.errors import ApiError
from controlplane.request import User
from controlplane.store.memory import MemoryStore
from tests.support.object_reader import StoreReader
from tests.support.rbac_objects import ask, binding, role, rule, to_account, to_user

Json = dict[str, Any]
EVE = User("eve", groups=("dev", "system:authenticated"))
ROOT = User("root", groups=("system:masters", "system:authenticated"))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return open_pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


def _run(pki: Pki, test: Callable[[Auth, StoreReader], Awaitable[None]]) -> None:
    async def body() -> None:
        store = MemoryStore()
        reader = StoreReader(store)
        auth = build(store, reader, pki)
        following = await auth.start(store)
        try:
            await test(auth, reader)
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            await store.close()

    asyncio.run(body())


async def _settled(auth: Auth, reader: StoreReader) -> None:
    assert await auth.mirror.reach(await reader.store.current_revision(), 10)


async def _let_eve_read_pods(auth: Auth, reader: StoreReader) -> None:
    await reader.put(GROUP, "roles", role("reader", rule("get list", "pods"), namespace="shop"))
    await reader.put(
        GROUP,
        "rolebindings",
        binding("b", "Role/reader", to_user("eve"), to_account("robot"), namespace="shop"),
    )
    await _settled(auth, reader)


def _asks(verb: str, resource: str, namespace: str = "shop", **more: Any) -> Json:
    return {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": namespace, **more}}


def test_may_i(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        await _let_eve_read_pods(auth, reader)

        async def may(user: User, spec: Json) -> bool:
            review = await auth.reviews.self_subject_access({"spec": spec}, user, "")
            assert (review["kind"], review["apiVersion"]) == (
                "SelfSubjectAccessReview",
                "authorization.k8s.io/v1",
            )
            assert review["spec"] == spec
            return bool(review["status"]["allowed"])

        assert await may(EVE, _asks("list", "pods"))
        assert not await may(EVE, _asks("list", "pods", "bank"))
        assert not await may(EVE, _asks("*", "*"))
        assert await may(ROOT, _asks("*", "*", group="*"))
        assert await may(EVE, {"nonResourceAttributes": {"verb": "get", "path": "/healthz"}})
        assert not await may(EVE, {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}})
        node = User("system:node:n1", groups=("system:nodes",))
        selector = {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]}
        assert await may(node, _asks("list", "pods", "", fieldSelector=selector))
        assert await may(node, _asks("list", "pods", "", fieldSelector={"rawSelector": "spec.nodeName=n1"}))
        assert not await may(node, _asks("list", "pods", ""))

    _run(pki, test)


def test_may_they(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        await _let_eve_read_pods(auth, reader)
        answers = auth.reviews.answers
        body = {"spec": {"user": "system:serviceaccount:shop:robot", **_asks("get", "pods")}}
        status = (await answers["SubjectAccessReview"](body, ROOT, ""))["status"]
        assert status == {"allowed": True, "reason": 'RBAC: allowed by RoleBinding "b/shop" of Role "reader"'}
        assert (await answers["LocalSubjectAccessReview"](body, ROOT, "shop"))["status"]["allowed"]
        with pytest.raises(ApiError, match="the namespace of the review"):
            await answers["LocalSubjectAccessReview"](body, ROOT, "bank")
        groups = {"spec": {"groups": ["system:masters"], **_asks("get", "pods")}}
        assert (await answers["SubjectAccessReview"](groups, ROOT, ""))["status"]["allowed"]
        for spec in (
            _asks("get", "pods"),
            {"user": "eve"},
            {"user": "e", "nonResourceAttributes": {}} | _asks("a", "b"),
        ):
            with pytest.raises(ApiError) as caught:
                await answers["SubjectAccessReview"]({"spec": spec}, ROOT, "")
            assert caught.value.code == 422

    _run(pki, test)


def test_what_may_i(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        await _let_eve_read_pods(auth, reader)
        review = await auth.reviews.self_subject_rules({"spec": {"namespace": "shop"}}, EVE, "")
        status = review["status"]
        assert {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]} in status["resourceRules"]
        assert status["incomplete"] is False
        assert any("/healthz" in rule["nonResourceURLs"] for rule in status["nonResourceRules"])
        elsewhere = await auth.reviews.self_subject_rules({"spec": {"namespace": "bank"}}, EVE, "")
        assert all(rule["resources"] != ["pods"] for rule in elsewhere["status"]["resourceRules"])
        with pytest.raises(ApiError, match=r"set spec\.namespace"):
            await auth.reviews.self_subject_rules({}, EVE, "")

    _run(pki, test)


def test_who_am_i_and_who_bears_this(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        me = await auth.reviews.self_subject({}, User("eve", "7", ("dev",), {"a": ("b",)}), "")
        assert me["status"] == {
            "userInfo": {"username": "eve", "uid": "7", "groups": ["dev"], "extra": {"a": ["b"]}}
        }
        await reader.put(
            "", "serviceaccounts", {"metadata": {"name": "robot", "namespace": "shop", "uid": "u1"}}
        )
        token = (await auth.tokens.request("shop", "robot", {}))["status"]["token"]
        review = await auth.reviews.token({"spec": {"token": token}}, ROOT, "")
        assert review["status"]["authenticated"] is True
        assert review["status"]["audiences"] == [DEFAULT_ISSUER]
        assert review["status"]["user"]["username"] == "system:serviceaccount:shop:robot"
        assert token not in str(review)
        wrong = await auth.reviews.token({"spec": {"token": token, "audiences": ["vault"]}}, ROOT, "")
        assert wrong["status"]["authenticated"] is False
        assert "audiences" in wrong["status"]["error"]
        with pytest.raises(ApiError, match="token is required"):
            await auth.reviews.token({"spec": {}}, ROOT, "")

    _run(pki, test)


def test_decisions_follow_the_store(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        asked = ask(EVE, "list", "pods", namespace="shop")
        assert not (await auth.authorizer.authorize(asked)).allowed
        await _let_eve_read_pods(auth, reader)
        assert (await auth.authorizer.authorize(asked)).allowed
        await reader.remove(GROUP, "rolebindings", "shop", "b")
        await _settled(auth, reader)
        assert not (await auth.authorizer.authorize(asked)).allowed

    _run(pki, test)


def test_a_node_reads_a_secret_as_soon_as_its_pod_is_bound(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        node = User("system:node:n1", groups=("system:nodes",))
        asked = ask(node, "get", "secrets", namespace="shop", name="s")
        for number in range(20):
            assert not (await auth.authorizer.authorize(asked)).allowed
            spec = {"nodeName": "n1", "imagePullSecrets": [{"name": "s"}]}
            metadata = {"name": f"p{number}", "namespace": "shop"}
            await reader.put("", "pods", {"metadata": metadata, "spec": spec})
            assert (await auth.authorizer.authorize(asked)).allowed
            await reader.remove("", "pods", "shop", f"p{number}")
            await _settled(auth, reader)

    _run(pki, test)


class _Seen:
    """A view that keeps names."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def put(self, key: str, obj: Json) -> None:
        assert obj
        self.keys.add(key)

    def drop(self, key: str) -> None:
        self.keys.discard(key)


def test_after_a_compaction_the_copy_lists_again() -> None:
    async def body() -> None:
        store = MemoryStore()
        seen = _Seen()
        mirror = Mirror(store, {"/core/pods/": (seen,)})
        first = await store.create("/core/pods/a/one", b'{"x":1}')
        await mirror.load()
        assert seen.keys == {"/core/pods/a/one"}
        await store.delete("/core/pods/a/one", expected=first.mod_revision)
        await store.create("/core/pods/a/two", b'{"x":1}')
        last = await store.create("/core/nodes//n", b'{"x":1}')
        await store.compact(last.mod_revision)
        following = asyncio.create_task(mirror.follow())
        assert await mirror.reach(last.mod_revision, 10)
        assert seen.keys == {"/core/pods/a/two"}
        later = await store.create("/core/pods/a/three", b'{"x":1}')
        assert await mirror.reach(later.mod_revision, 10)
        assert seen.keys == {"/core/pods/a/two", "/core/pods/a/three"}
        assert not await mirror.reach(later.mod_revision + 1, 0)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await store.close()

    asyncio.run(body())


def test_an_object_that_makes_no_sense_grants_nothing_and_stops_nothing(pki: Pki) -> None:
    async def test(auth: Auth, reader: StoreReader) -> None:
        await _let_eve_read_pods(auth, reader)
        place = f"/{GROUP}/roles/shop/reader"
        record = await reader.store.get(place)
        assert record is not None
        await reader.store.update(place, b'{"metadata":{},"rules":[7]}', expected=record.mod_revision)
        await _settled(auth, reader)
        asked = ask(EVE, "list", "pods", namespace="shop")
        assert not (await auth.authorizer.authorize(asked)).allowed
        await reader.put(GROUP, "roles", role("reader", rule("list", "pods"), namespace="shop"))
        await _settled(auth, reader)
        assert (await auth.authorizer.authorize(asked)).allowed

    _run(pki, test)
