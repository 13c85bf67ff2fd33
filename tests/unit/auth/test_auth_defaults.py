# SPDX-License-Identifier: Apache-2.0
"""What the default roles let people and programs do, and how defaults meet what users changed."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from controlplane.auth.aggregate import aggregated_rules, outdated, selects
from controlplane.auth.defaults.reconcile import all_defaults, plan, reconcile
from controlplane.auth.rbac import GROUP, RbacAuthorizer
from controlplane.request import User
from controlplane.store.memory import MemoryStore
from tests.support.rbac_objects import ask, binding, index_of, role, rule, to_user

Json = dict[str, Any]
DEFAULTS = all_defaults()
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _may(role_name: str, verb: str, resource: str, group: str = "") -> bool:
    bound = binding("team", f"ClusterRole/{role_name}", to_user("eve"), namespace="shop")
    asked = ask("eve", verb, resource, group=group, namespace="shop", name="x")
    return RbacAuthorizer(index_of([*DEFAULTS.values(), bound])).decide(asked).allowed


@pytest.mark.parametrize(
    ("verb", "resource", "group", "view", "edit", "admin"),
    [
        ("get", "pods", "", True, True, True),
        ("get", "pods/log", "", True, True, True),
        ("watch", "deployments", "apps", True, True, True),
        ("list", "endpointslices", "discovery.k8s.io", True, True, True),
        ("get", "secrets", "", False, True, True),
        ("create", "pods/exec", "", False, True, True),
        ("delete", "pods", "", False, True, True),
        ("create", "pods/eviction", "", False, True, True),
        ("update", "deployments/scale", "apps", False, True, True),
        ("patch", "ingresses", "networking.k8s.io", False, True, True),
        ("create", "serviceaccounts/token", "", False, True, True),
        ("impersonate", "serviceaccounts", "", False, True, True),
        ("create", "rolebindings", GROUP, False, False, True),
        ("get", "roles", GROUP, False, False, True),
        ("create", "localsubjectaccessreviews", "authorization.k8s.io", False, False, True),
        ("update", "resourcequotas", "", False, False, False),
        ("delete", "namespaces", "", False, False, False),
        ("update", "endpoints", "", False, False, False),
        ("escalate", "roles", GROUP, False, False, False),
        ("bind", "roles", GROUP, False, False, False),
        ("update", "pods/status", "", False, False, False),
        ("get", "nodes", "", False, False, False),
    ],
)
def test_view_edit_and_admin(
    verb: str, resource: str, group: str, view: bool, edit: bool, admin: bool
) -> None:
    answers = [_may(name, verb, resource, group) for name in ("view", "edit", "admin", "cluster-admin")]
    assert answers == [view, edit, admin, True]


NODE = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
JOINING = User("system:bootstrap:a", groups=("system:bootstrappers", "system:authenticated"))
MANAGER = User("system:kube-controller-manager", groups=("system:authenticated",))
SCHEDULER = User("system:kube-scheduler", groups=("system:authenticated",))
ACCOUNT = User(
    "system:serviceaccount:shop:sa",
    groups=("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"),
)
NOBODY = User("system:anonymous", groups=("system:unauthenticated",))
SOMEBODY = User("eve", groups=("system:authenticated",))
CSR, CERTIFICATES = "certificatesigningrequests", "certificates.k8s.io"


@pytest.mark.parametrize(
    ("user", "verb", "resource", "group", "allowed"),
    [
        (SOMEBODY, "create", "selfsubjectaccessreviews", "authorization.k8s.io", True),
        (SOMEBODY, "create", "selfsubjectreviews", "authentication.k8s.io", True),
        (SOMEBODY, "create", "subjectaccessreviews", "authorization.k8s.io", False),
        (SOMEBODY, "list", "pods", "", False),
        (NOBODY, "create", "selfsubjectaccessreviews", "authorization.k8s.io", False),
        (ACCOUNT, "get", "secrets", "", False),
        (JOINING, "create", CSR, CERTIFICATES, True),
        (JOINING, "create", f"{CSR}/nodeclient", CERTIFICATES, True),
        (JOINING, "create", f"{CSR}/selfnodeclient", CERTIFICATES, False),
        (JOINING, "update", f"{CSR}/approval", CERTIFICATES, False),
        (JOINING, "get", "nodes", "", False),
        (NODE, "create", f"{CSR}/selfnodeclient", CERTIFICATES, True),
        (NODE, "watch", "endpointslices", "discovery.k8s.io", True),
        (NODE, "get", "secrets", "", False),
        (SCHEDULER, "create", "pods/binding", "", True),
        (SCHEDULER, "update", "nodes", "", False),
        (SCHEDULER, "get", "secrets", "", False),
        (MANAGER, "update", "replicasets/status", "apps", True),
        (MANAGER, "create", "pods", "", True),
        (MANAGER, "patch", "nodes/status", "", True),
        (MANAGER, "deletecollection", "widgets", "acme.com", True),
        (MANAGER, "create", "configmaps", "", True),
        (MANAGER, "create", "clusterrolebindings", GROUP, False),
        (MANAGER, "update", f"{CSR}/approval", CERTIFICATES, True),
    ],
)
def test_programs_and_everybody(user: User, verb: str, resource: str, group: str, allowed: bool) -> None:
    authorizer = RbacAuthorizer(index_of(DEFAULTS.values()))
    assert authorizer.decide(ask(user, verb, resource, group=group, name="x")).allowed is allowed


@pytest.mark.parametrize(
    ("user", "path", "allowed"),
    [
        (NOBODY, "/healthz", True),
        (NOBODY, "/version", True),
        (NOBODY, "/api", False),
        (NOBODY, "/metrics", False),
        (SOMEBODY, "/api/v1", True),
        (SOMEBODY, "/openapi/v3", True),
        (SOMEBODY, "/metrics", False),
        (SOMEBODY, "/openid/v1/jwks", False),
        (ACCOUNT, "/openid/v1/jwks", True),
        (User("prom", groups=("system:monitoring",)), "/metrics", True),
    ],
)
def test_paths(user: User, path: str, allowed: bool) -> None:
    assert RbacAuthorizer(index_of(DEFAULTS.values())).decide(ask(user, "get", path=path)).allowed is allowed


def test_every_binding_has_its_role() -> None:
    for key, obj in DEFAULTS.items():
        if "roleRef" in obj:
            namespace = key.split("/")[3] if obj["roleRef"]["kind"] == "Role" else ""
            plural = "roles" if namespace else "clusterroles"
            assert f"/{GROUP}/{plural}/{namespace}/{obj['roleRef']['name']}" in DEFAULTS


def test_reconciling_twice_writes_once() -> None:
    async def body() -> None:
        store = MemoryStore()
        assert await reconcile(store, NOW) == len(DEFAULTS)
        assert await reconcile(store, NOW) == 0
        record = await store.get(f"/{GROUP}/clusterroles//view")
        assert record is not None
        view = msgspec.json.decode(record.value)
        assert view["metadata"]["creationTimestamp"] == "2026-01-02T00:00:00Z"
        assert view["metadata"]["uid"]
        await store.close()

    asyncio.run(body())


ROLE = f"/{GROUP}/clusterroles//system:discovery"
BOUND = f"/{GROUP}/clusterrolebindings//system:discovery"


def _after(key: str, obj: Json) -> Json | None:
    """What a start makes of a default that a user changed into obj; None if it is left alone."""
    present = {name: (default, 1) for name, default in DEFAULTS.items()} | {key: (obj, 7)}
    writes = plan(present, DEFAULTS)
    assert all((write.key, write.revision) == (key, 7) for write in writes)
    return writes[0].obj if writes else None


def test_what_users_added_stays_and_what_is_missing_comes_back() -> None:
    own = rule("get", urls="/mine")
    changed = {**DEFAULTS[ROLE], "rules": [own]}
    assert _after(ROLE, changed) == {**changed, "rules": [own, *DEFAULTS[ROLE]["rules"]]}
    more = {**DEFAULTS[ROLE], "rules": [*DEFAULTS[ROLE]["rules"], own]}
    assert _after(ROLE, more) is None
    wider = {**DEFAULTS[ROLE], "rules": [rule("*", urls="*")]}
    assert _after(ROLE, wider) is None
    bound = {**DEFAULTS[BOUND], "subjects": [to_user("eve")]}
    fixed = _after(BOUND, bound)
    assert fixed is not None
    assert fixed["subjects"] == [to_user("eve"), *DEFAULTS[BOUND]["subjects"]]


def test_what_users_froze_is_left_alone() -> None:
    metadata = DEFAULTS[ROLE]["metadata"]
    frozen = {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}
    assert _after(ROLE, {**DEFAULTS[ROLE], "rules": [], "metadata": metadata | frozen}) is None
    edit = f"/{GROUP}/clusterroles//edit"
    assert _after(edit, {**DEFAULTS[edit], "rules": [rule("get", "widgets", "acme.com")]}) is None


def test_sums_of_roles() -> None:
    total = {**role("all"), "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}}
    one, two = rule("get", "a"), rule("get", "b")
    parts = [
        role("z", one, labels={"part": "yes"}),
        role("b", two, one, labels={"part": "yes"}),
        role("no", two),
    ]
    assert aggregated_rules(total, [total, *parts]) == [two, one]
    assert aggregated_rules(parts[0], parts) is None
    assert outdated([total, *parts]) == [{**total, "rules": [two, one]}]
    assert outdated([{**total, "rules": [two, one]}, *parts]) == []
    assert aggregated_rules({**total, "aggregationRule": None}, parts) == []


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Unknown"}]}, False),
    ],
)
def test_label_selectors(selector: Json, chosen: bool) -> None:
    assert selects(selector, {"a": "1"}) is chosen
