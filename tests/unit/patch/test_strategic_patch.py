# SPDX-License-Identifier: Apache-2.0
"""Strategic merge patches of real types, as the Kubernetes documentation and API conventions describe them."""

from typing import Any

import pytest
from lightkube.models import apps_v1, core_v1, policy_v1

from controlplane.errors import ApiError
from controlplane.patch.plain import clone
from controlplane.patch.strategic import apply_strategic_patch
from kube.schema import Schema, schema_of

POD = schema_of(core_v1.Pod)
SPEC = schema_of(core_v1.PodSpec)
CONTAINER = schema_of(core_v1.Container)
DEPLOYMENT = schema_of(apps_v1.DeploymentSpec)
META = POD.fields["metadata"].schema

Case = tuple[str, Schema, dict[str, Any], dict[str, Any], dict[str, Any]]


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, **more} for name in names]


CASES: list[Case] = [
    (
        "scalars",
        SPEC,
        {"nodeName": "a", "hostPID": True},
        {"nodeName": "b"},
        {"nodeName": "b", "hostPID": True},
    ),
    ("null removes", SPEC, {"nodeName": "a"}, {"nodeName": None, "hostPID": None}, {}),
    (
        "maps are merged",
        META,
        {"labels": {"a": "1", "b": "2"}},
        {"labels": {"b": None, "c": "3"}},
        {"labels": {"a": "1", "c": "3"}},
    ),
    (
        "an item is merged by its key",
        SPEC,
        {"containers": [{"name": "a", "image": "x", "tty": True}, {"name": "b", "image": "x"}]},
        {"containers": [{"name": "a", "image": "y", "tty": None}]},
        {"containers": [{"name": "a", "image": "y"}, {"name": "b", "image": "x"}]},
    ),
    (
        "a new item comes first",
        SPEC,
        {"containers": named("a", "b")},
        {"containers": named("c")},
        {"containers": named("c", "a", "b")},
    ),
    (
        "the patch's order wins",
        SPEC,
        {"containers": named("a", "b")},
        {"containers": named("b", "a")},
        {"containers": named("b", "a")},
    ),
    (
        "an unnamed item stays before what followed it",
        SPEC,
        {"containers": named("x", "a", "y", "b")},
        {"containers": named("c", "b")},
        {"containers": named("c", "x", "a", "y", "b")},
    ),
    (
        "a list that was not there",
        SPEC,
        {},
        {"containers": [{"name": "a", "tty": None}]},
        {"containers": named("a")},
    ),
    (
        "an empty list changes nothing",
        SPEC,
        {"containers": named("a")},
        {"containers": []},
        {"containers": named("a")},
    ),
    (
        "delete an item",
        SPEC,
        {"containers": named("a", "b")},
        {"containers": [{"name": "a", "$patch": "delete"}, {"name": "z", "$patch": "delete"}]},
        {"containers": named("b")},
    ),
    (
        "replace the list",
        SPEC,
        {"containers": named("a", "b", image="x")},
        {"containers": [{"$patch": "replace"}, {"name": "a", "image": "y"}]},
        {"containers": [{"name": "a", "image": "y"}]},
    ),
    (
        "merge is the default",
        SPEC,
        {"containers": named("a")},
        {"containers": [{"name": "a", "tty": True, "$patch": "merge"}]},
        {"containers": named("a", tty=True)},
    ),
    ("an atomic list is replaced", CONTAINER, {"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
    (
        "tolerations have no key and are replaced",
        SPEC,
        {"tolerations": [{"key": "a"}]},
        {"tolerations": [{"key": "b"}]},
        {"tolerations": [{"key": "b"}]},
    ),
    (
        "replace an object",
        SPEC,
        {"securityContext": {"runAsUser": 1}},
        {"securityContext": {"$patch": "replace", "fsGroup": 2}},
        {"securityContext": {"fsGroup": 2}},
    ),
    (
        "empty an object",
        SPEC,
        {"securityContext": {"runAsUser": 1}},
        {"securityContext": {"$patch": "delete"}},
        {"securityContext": {}},
    ),
    ("delete what is not there", SPEC, {}, {"securityContext": {"$patch": "delete"}}, {}),
    (
        "retain keys of an object",
        DEPLOYMENT,
        {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
        {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
        {"strategy": {"type": "Recreate"}},
    ),
    (
        "retain keys of an item",
        SPEC,
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]},
        {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
    ),
    (
        "a union merges without retain keys",
        SPEC,
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
        {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]},
    ),
    (
        "scalars are a set",
        META,
        {"finalizers": ["a", "b"]},
        {"finalizers": ["b", "c"]},
        {"finalizers": ["a", "b", "c"]},
    ),
    (
        "delete from scalars",
        META,
        {"finalizers": ["a", "b", "c"]},
        {"$deleteFromPrimitiveList/finalizers": ["b", "z"]},
        {"finalizers": ["a", "c"]},
    ),
    (
        "delete from scalars, add and order",
        META,
        {"finalizers": ["a", "b", "x"]},
        {
            "$setElementOrder/finalizers": ["c", "a"],
            "$deleteFromPrimitiveList/finalizers": ["b"],
            "finalizers": ["c"],
        },
        {"finalizers": ["c", "a", "x"]},
    ),
    (
        "element order alone",
        SPEC,
        {"containers": named("a", "x", "b")},
        {"$setElementOrder/containers": named("b", "a")},
        {"containers": named("x", "b", "a")},
    ),
    (
        "element order with changes",
        SPEC,
        {"containers": named("a", "b", "c")},
        {
            "$setElementOrder/containers": named("c", "new", "a"),
            "containers": [{"name": "new"}, {"name": "b", "$patch": "delete"}],
        },
        {"containers": named("c", "new", "a")},
    ),
    (
        "ports are known by number alone",
        CONTAINER,
        {"ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 80, "protocol": "TCP"}]},
        {"ports": [{"containerPort": 53, "protocol": "UDP"}]},
        {"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80, "protocol": "TCP"}]},
    ),
    (
        "a key of another type is found",
        CONTAINER,
        {"ports": [{"containerPort": 80}]},
        {"ports": [{"containerPort": "80", "name": "a"}]},
        {"ports": [{"containerPort": "80", "name": "a"}]},
    ),
    (
        "ports of one number that come together stay two",
        SPEC,
        {"containers": named("a")},
        {
            "containers": [
                {"name": "b", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]}
            ]
        },
        {
            "containers": [
                {"name": "b", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]},
                {"name": "a"},
            ]
        },
    ),
    (
        "directives about what is not there",
        SPEC,
        {},
        {
            "containers": [
                {"name": "a", "$patch": "delete"},
                {"$patch": "replace"},
                {"name": "b", "$retainKeys": ["name"]},
            ],
            "securityContext": {"$patch": "replace", "fsGroup": 1},
            "affinity": {"nodeAffinity": {"$patch": "delete"}},
        },
        {"containers": named("b"), "securityContext": {"fsGroup": 1}, "affinity": {}},
    ),
    (
        "nested lists",
        SPEC,
        {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}]},
        {
            "containers": [
                {"name": "a", "env": [{"name": "Y", "$patch": "delete"}, {"name": "Z", "value": "3"}]}
            ]
        },
        {"containers": [{"name": "a", "env": [{"name": "Z", "value": "3"}, {"name": "X", "value": "1"}]}]},
    ),
    (
        "another type replaces",
        SPEC,
        {"containers": {"odd": 1}},
        {"containers": named("a")},
        {"containers": named("a")},
    ),
    (
        "an object over a scalar",
        SPEC,
        {"affinity": 3},
        {"affinity": {"nodeAffinity": None}},
        {"affinity": {}},
    ),
    (
        "strategy replace",
        schema_of(policy_v1.PodDisruptionBudgetSpec),
        {"selector": {"matchLabels": {"a": "1"}}},
        {"selector": {"matchLabels": {"b": "2"}}},
        {"selector": {"matchLabels": {"b": "2"}}},
    ),
    (
        "unknown fields are merged like plain JSON",
        SPEC,
        {"odd": {"a": 1, "l": [1]}},
        {"odd": {"b": 2, "l": [2]}},
        {"odd": {"a": 1, "b": 2, "l": [2]}},
    ),
    (
        "conditions by type",
        POD,
        {"status": {"conditions": [{"type": "A", "status": "True"}]}},
        {"status": {"conditions": [{"type": "A", "status": "False"}, {"type": "B"}]}},
        {"status": {"conditions": [{"type": "A", "status": "False"}, {"type": "B"}]}},
    ),
]


@pytest.mark.parametrize(
    ("schema", "live", "patch", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_cases(schema: Schema, live: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = clone([live, patch])
    assert apply_strategic_patch(schema, live, patch) == expected
    assert [live, patch] == before, "the arguments are left alone"


REFUSED: list[tuple[Schema, Any, str]] = [
    (SPEC, [], "is an object"),
    (SPEC, {"$patch": "remove"}, 'the patch: $patch must be replace, delete or merge, not "remove"'),
    (SPEC, {"$what": 1}, "there is no directive $what"),
    (SPEC, {"containers": [{"image": "x"}]}, 'containers: an item lacks the merge key "name"'),
    (SPEC, {"containers": [{"$patch": "delete"}]}, 'containers: an item lacks the merge key "name"'),
    (SPEC, {"containers": ["x"]}, "containers: the items of this list must be objects"),
    (
        SPEC,
        {"containers": [{"name": "a", "env": [{"value": "x"}]}]},
        "containers.[name=a].env: an item lacks",
    ),
    (META, {"finalizers": [{"a": 1}]}, "finalizers: the items of this list must be scalars"),
    (
        META,
        {"$deleteFromPrimitiveList/finalizers": "a"},
        "$deleteFromPrimitiveList/finalizers must be a list",
    ),
    (DEPLOYMENT, {"strategy": {"$retainKeys": "type"}}, "strategy: $retainKeys must be a list of names"),
    (
        DEPLOYMENT,
        {"strategy": {"$retainKeys": [], "type": "x"}},
        "strategy: type is in the patch and not in its $retainKeys",
    ),
    (SPEC, {"$setElementOrder/tolerations": []}, "is for lists that are merged"),
    (SPEC, {"$setElementOrder/containers": {}, "containers": named("a")}, "its element order must be a list"),
    (SPEC, {"$setElementOrder/containers": named("a"), "containers": named("b")}, "in the same order"),
    (
        SPEC,
        {"$setElementOrder/containers": named("a", "b"), "containers": named("b", "a")},
        "in the same order",
    ),
]


@pytest.mark.parametrize(("schema", "patch", "told"), REFUSED)
def test_refusals(schema: Schema, patch: Any, told: str) -> None:
    live = {"containers": named("a", "b", env=[]), "finalizers": ["x"], "strategy": {}}
    with pytest.raises(ApiError) as refused:
        apply_strategic_patch(schema, live, patch)
    assert refused.value.code == 400
    assert told in refused.value.message


def test_a_patch_that_is_too_deep() -> None:
    patch: dict[str, Any] = {}
    for _ in range(5000):
        patch = {"a": patch}
    with pytest.raises(ApiError, match="nested deeper"):
        apply_strategic_patch(SPEC, {}, patch)
