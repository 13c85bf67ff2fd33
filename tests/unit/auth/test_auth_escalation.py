# SPDX-License-Identifier: Apache-2.0
"""Nobody gives away more than they hold."""

import asyncio
from typing import Any

import pytest

from controlplane.auth.escalation import RbacEscalation
from controlplane.auth.rbac import GROUP, RbacAuthorizer
from controlplane.errors import ApiError
from controlplane.request import Admission, Operation, User
from controlplane.store.memory import MemoryStore
from tests.support.object_reader import StoreReader
from tests.support.rbac_objects import ask, binding, index_of, role, rule, to_user

Json = dict[str, Any]
PODS, SECRETS = rule("get list", "pods"), rule("get", "secrets")
READER = role("reader", PODS)
SPY = role("spy", SECRETS)
AGGREGATED = {
    **role("sum"),
    "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
}
PLURALS = {
    "Role": "roles",
    "ClusterRole": "clusterroles",
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
}


def _write(
    obj: Json, *held: Json, old: Json | None = None, namespaced: bool = False, user: User | None = None
) -> None:
    place = "shop" if namespaced else ""
    mine = [role("mine", *held), binding("mine", "ClusterRole/mine", to_user("eve"), namespace=place)]

    async def body() -> None:
        reader = StoreReader(MemoryStore())
        for stored in (READER, SPY, role("local", SECRETS, namespace="shop")):
            await reader.put(GROUP, PLURALS[stored["kind"]], stored)
        index = index_of([*mine, READER, SPY])
        plugin = RbacEscalation(index, RbacAuthorizer(index), reader)
        where = obj["metadata"].get("namespace", "")
        asked = ask(
            user or User("eve", groups=("dev",)), "create", PLURALS[obj["kind"]], group=GROUP, namespace=where
        )
        operation = Operation.UPDATE if old else Operation.CREATE
        admission = Admission(asked, operation, obj["kind"], obj, old)
        await plugin.mutate(admission)
        await plugin.validate(admission)

    asyncio.run(body())


def _refused(obj: Json, *held: Json, says: str = "not currently held", **options: Any) -> None:
    with pytest.raises(ApiError, match=says) as caught:
        _write(obj, *held, **options)
    assert caught.value.code == 403


def test_a_role_takes_all_of_its_rules() -> None:
    _write(role("r", PODS), PODS)
    _write(role("r", rule("get", "pods", names="web")), PODS)
    _write(role("r", PODS, namespace="shop"), PODS, namespaced=True)
    _refused(role("r", PODS), PODS, namespaced=True)
    _refused(role("r", PODS, SECRETS), PODS)
    _refused(role("r", rule("*", "pods")), PODS)
    _refused(role("r", rule("get", "pods")), rule("get", "pods", names="web"))
    _write(role("r", rule("get", urls="/logs/a")), rule("get", urls="/logs/*"))
    _refused(role("r", rule("get", urls="/logs/*")), rule("get", urls="/logs/a"))
    _write(role("r", rule("get", "pods/log")), rule("get", "*/log"))
    _refused(role("r", rule("get", "*/log")), rule("get", "pods/log"))


def test_the_refusal_names_what_is_missing() -> None:
    _refused(
        role("r", PODS, SECRETS),
        PODS,
        says=r'user "eve" \(groups=\["dev"\]\) is attempting to grant RBAC permissions not currently held:\n'
        r'\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}',
    )


def test_ways_around_that_are_given() -> None:
    _write(role("r", SECRETS), rule("escalate", "clusterroles", GROUP))
    _refused(role("r", SECRETS), rule("escalate", "clusterroles", GROUP, names="other"))
    _write(role("r", SECRETS), user=User("root", groups=("system:masters",)))
    _write(role("r", SECRETS, labels={"a": "b"}), old=role("r", SECRETS))


def test_a_sum_takes_everything() -> None:
    everything = (rule("*", "*", "*"), rule("*", urls="*"))
    _refused(AGGREGATED, PODS, says="cluster-admin privileges")
    _write(AGGREGATED, *everything)
    _write(AGGREGATED, PODS, old=AGGREGATED)


def test_a_binding_takes_all_rules_of_its_role() -> None:
    bound = binding("b", "ClusterRole/reader", to_user("bob"))
    _write(bound, PODS)
    _refused(bound, PODS, namespaced=True)
    _refused(binding("b", "ClusterRole/spy", to_user("bob")), PODS)
    _write(binding("b", "ClusterRole/reader", to_user("bob"), namespace="shop"), PODS, namespaced=True)
    _refused(binding("b", "Role/local", to_user("bob"), namespace="shop"), PODS)
    _write(binding("b", "ClusterRole/spy", to_user("bob")), rule("bind", "clusterroles", GROUP, names="spy"))
    _write(
        binding("b", "ClusterRole/spy", to_user("bob")), old=binding("b", "ClusterRole/spy", to_user("bob"))
    )
    _refused(
        binding("b", "ClusterRole/spy", to_user("eve")), old=binding("b", "ClusterRole/spy", to_user("bob"))
    )


def test_a_binding_to_a_role_that_is_not_there() -> None:
    with pytest.raises(ApiError, match='"none" not found') as caught:
        _write(binding("b", "ClusterRole/none", to_user("bob")), PODS)
    assert caught.value.code == 404
    _write(binding("b", "ClusterRole/none", to_user("bob")), rule("bind", "clusterroles", GROUP))
