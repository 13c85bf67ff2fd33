# SPDX-License-Identifier: Apache-2.0
"""RBAC: a table of rules and questions, and any set of roles and bindings beside a slow reference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.auth.rbac import RbacAuthorizer
from controlplane.auth.rules import Rule, not_covered, rule_of
from controlplane.auth.union import UnionAuthorizer, refusal
from controlplane.request import Attributes, Decision, User
from tests.support import rbac_reference
from tests.support.rbac_objects import ask, binding, index_of, may, role, rule, to_account, to_group, to_user

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("given_rule", "verb", "resource", "group", "name", "allowed"),
    [
        (rule("get", "pods"), "get", "pods", "", "web", True),
        (rule("get", "pods"), "list", "pods", "", "", False),
        (rule("get", "pods"), "get", "pods", "apps", "web", False),
        (rule("get", "pods"), "get", "pods/log", "", "web", False),
        (rule("get", "pods/log"), "get", "pods/log", "", "web", True),
        (rule("get", "pods/log"), "get", "pods", "", "web", False),
        (rule("get", "*/log"), "get", "pods/log", "", "web", True),
        (rule("update", "*/scale", "apps"), "update", "deployments/scale", "apps", "web", True),
        (rule("update", "*/scale", "apps"), "update", "deployments", "apps", "web", False),
        (rule("*", "*", "*"), "eat", "pods/log", "apps", "x", True),
        (rule("get", "*"), "get", "pods/log", "", "x", True),
        (rule("get", "secrets", names="a b"), "get", "secrets", "", "b", True),
        (rule("get", "secrets", names="a b"), "get", "secrets", "", "c", False),
        (rule("list", "secrets", names="a"), "list", "secrets", "", "", False),
        (rule("get", urls="*"), "get", "pods", "", "x", False),
    ],
)
def test_a_rule_upon_resources(
    given_rule: Json, verb: str, resource: str, group: str, name: str, allowed: bool
) -> None:
    asked = ask("eve", verb, resource, group=group, name=name, namespace="shop")
    assert rule_of(given_rule).allows(asked) is allowed


@pytest.mark.parametrize(
    ("urls", "path", "allowed"),
    [
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/ping", False),
        ("/healthz/*", "/healthz/ping", True),
        ("/healthz/*", "/healthz", False),
        ("*", "/metrics", True),
        ("/a /metrics", "/metrics", True),
    ],
)
def test_a_rule_upon_urls(urls: str, path: str, allowed: bool) -> None:
    assert rule_of(rule("get", urls=urls)).allows(ask("eve", "get", path=path)) is allowed


READER = role("reader", rule("get list", "pods"))


@pytest.mark.parametrize(
    ("bound", "user", "namespace", "allowed"),
    [
        (binding("b", "ClusterRole/reader", to_user("eve")), User("eve"), "", True),
        (binding("b", "ClusterRole/reader", to_user("eve")), User("eve"), "shop", True),
        (binding("b", "ClusterRole/reader", to_user("eve")), User("bob"), "shop", False),
        (binding("b", "ClusterRole/reader", to_group("dev")), User("bob", groups=("dev",)), "", True),
        (binding("b", "ClusterRole/reader", to_user("dev")), User("bob", groups=("dev",)), "", False),
        (binding("b", "ClusterRole/reader", to_user("eve"), namespace="shop"), User("eve"), "shop", True),
        (binding("b", "ClusterRole/reader", to_user("eve"), namespace="shop"), User("eve"), "bank", False),
        (binding("b", "ClusterRole/reader", to_user("eve"), namespace="shop"), User("eve"), "", False),
        (binding("b", "Role/reader", to_user("eve"), namespace="shop"), User("eve"), "shop", False),
        (
            binding("b", "ClusterRole/reader", to_account("sa", "shop")),
            User("system:serviceaccount:shop:sa"),
            "",
            True,
        ),
        (
            binding("b", "ClusterRole/reader", to_account("sa"), namespace="shop"),
            User("system:serviceaccount:shop:sa"),
            "shop",
            True,
        ),
        (binding("b", "ClusterRole/reader", to_account("sa")), User("system:serviceaccount::sa"), "", False),
    ],
)
def test_who_is_bound_where(bound: Json, user: User, namespace: str, allowed: bool) -> None:
    assert may([READER, bound], ask(user, "get", "pods", namespace=namespace, name="web")) is allowed


def test_masters_may_all_and_the_reason_names_the_binding() -> None:
    assert may([], ask(User("root", groups=("system:masters",)), "delete", "nodes", name="n"))
    index = index_of([READER, binding("team", "ClusterRole/reader", to_user("eve"), namespace="shop")])
    decision = RbacAuthorizer(index).decide(ask("eve", "get", "pods", namespace="shop"))
    assert decision.reason == 'RBAC: allowed by RoleBinding "team/shop" of ClusterRole "reader"'


def test_the_index_follows_changes() -> None:
    bound = binding("b", "ClusterRole/reader", to_user("eve"), to_group("dev"))
    index = index_of([READER, bound])
    authorizer = RbacAuthorizer(index)
    asked = ask("eve", "get", "pods")
    key = "/rbac.authorization.k8s.io/clusterrolebindings//b"
    index.put(key, binding("b", "ClusterRole/reader", to_user("bob")))
    assert not authorizer.decide(asked).allowed
    assert authorizer.decide(ask("bob", "get", "pods")).allowed
    index.drop("/rbac.authorization.k8s.io/clusterroles//reader")
    assert not authorizer.decide(ask("bob", "get", "pods")).allowed
    index.drop(key)
    index.drop(key)
    index.put(key, bound)
    index.put("/rbac.authorization.k8s.io/clusterroles//reader", READER)
    assert authorizer.decide(asked).allowed


class _Says:
    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    async def authorize(self, attributes: Attributes) -> Decision:
        assert attributes.verb
        return self.decision


async def _first(*decisions: Decision) -> Decision:
    return await UnionAuthorizer([_Says(decision) for decision in decisions]).authorize(
        ask("eve", "get", "pods")
    )


def test_the_first_that_decides_wins() -> None:
    import asyncio

    yes, no, dunno = Decision(allowed=True, reason="y"), Decision(denied=True), Decision(reason="who?")
    assert asyncio.run(_first(dunno, yes, no)) is yes
    assert asyncio.run(_first(no, yes)) is no
    assert asyncio.run(_first(dunno, Decision(), dunno)) == Decision(reason="who?, who?")


@pytest.mark.parametrize(
    ("asked", "reason", "message"),
    [
        (
            ask("x", "list", "pods", namespace="default"),
            "",
            'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
        ),
        (
            ask("x", "get", "deployments/scale", group="apps", namespace="a", name="web"),
            "",
            'deployments.apps "web" is forbidden: User "x" cannot get resource "deployments/scale" in API group '
            '"apps" in the namespace "a"',
        ),
        (
            ask("x", "get", "nodes", name="n1"),
            "not yours",
            'nodes "n1" is forbidden: User "x" cannot get resource "nodes" in API group "" at the cluster scope: '
            "not yours",
        ),
        (ask("x", "get", path="/metrics"), "", 'forbidden: User "x" cannot get path "/metrics"'),
    ],
)
def test_a_refusal_in_known_words(asked: Attributes, reason: str, message: str) -> None:
    error = refusal(asked, Decision(reason=reason))
    assert (error.code, error.reason, error.message) == (403, "Forbidden", message)


_VERBS = st.sampled_from(["get", "list", "*"])
_NAMESPACES = st.sampled_from(["", "a", "b"])
_USERS = st.sampled_from(["eve", "bob", "system:serviceaccount:a:sa"])
_GROUPS = st.sampled_from(["dev", "ops", "system:masters"])
_RULES = st.builds(
    lambda **fields: fields,
    verbs=st.lists(_VERBS, max_size=2),
    apiGroups=st.lists(st.sampled_from(["", "apps", "*"]), max_size=2),
    resources=st.lists(st.sampled_from(["pods", "pods/log", "*", "*/log", "nodes"]), max_size=3),
    resourceNames=st.lists(st.sampled_from(["x", "y"]), max_size=1),
    nonResourceURLs=st.lists(st.sampled_from(["/a", "/a/*", "*"]), max_size=1),
)
_ROLES = st.builds(
    lambda name, rules, place: role(name, *rules, namespace=place),
    st.sampled_from(["r1", "r2"]),
    st.lists(_RULES, max_size=3),
    _NAMESPACES,
)
_SUBJECTS = st.one_of(
    _USERS.map(to_user),
    _GROUPS.map(to_group),
    st.sampled_from(["", "a", "b"]).map(lambda place: to_account("sa", place)),
)
_BINDINGS = st.builds(
    lambda name, ref, who, place: binding(name, ref, *who, namespace=place),
    st.sampled_from(["b1", "b2", "b3"]),
    st.sampled_from(["ClusterRole/r1", "ClusterRole/r2", "Role/r1", "ClusterRole/none"]),
    st.lists(_SUBJECTS, max_size=3),
    _NAMESPACES,
)
_ASKED = st.builds(
    ask,
    st.builds(User, _USERS, groups=st.lists(_GROUPS, max_size=1).map(tuple)),
    st.sampled_from(["get", "list"]),
    st.sampled_from(["pods", "pods/log", "nodes", ""]),
    group=st.sampled_from(["", "apps"]),
    namespace=_NAMESPACES,
    name=st.sampled_from(["", "x", "z"]),
    path=st.sampled_from(["/a", "/a/b", "/c"]),
)


@given(st.lists(st.one_of(_ROLES, _BINDINGS), max_size=8), _ASKED)
def test_any_objects_as_in_the_reference(objects: list[Json], asked: Attributes) -> None:
    newest = {
        (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]): obj for obj in objects
    }
    assert may(objects, asked) is rbac_reference.allows(list(newest.values()), asked)


@given(st.lists(_RULES, max_size=3), st.lists(_RULES, max_size=2), _ASKED)
def test_who_covers_rules_may_all_they_allow(held: list[Json], wanted: list[Json], asked: Attributes) -> None:
    mine: list[Rule] = [rule_of(data) for data in held]
    theirs = [rule_of(data) for data in wanted]
    if not not_covered(mine, theirs) and any(one.allows(asked) for one in theirs):
        assert any(one.allows(asked) for one in mine)
