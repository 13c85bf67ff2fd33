# SPDX-License-Identifier: Apache-2.0
"""Sums of ClusterRoles."""

from typing import Any

from controlplane.controllers.clusterroles import plan
from controlplane.controllers.operations import Update
from tests.unit.controllers.objects import metadata

Json = dict[str, Any]


def role(name: str, *words: str, chooses: str = "", **labels: str) -> Json:
    found: Json = {"metadata": metadata(name, "", labels=labels)}
    found["rules"] = [{"apiGroups": [""], "resources": [word], "verbs": ["get"]} for word in words]
    if chooses:
        found["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {chooses: "yes"}}]}
    return found


def settle(roles: list[Json]) -> dict[str, list[str]]:
    there = {each["metadata"]["name"]: each for each in roles}
    for _ in range(10):
        operations = plan(there.values())
        if not operations:
            return {name: [rule["resources"][0] for rule in each["rules"]] for name, each in there.items()}
        for operation in operations:
            assert isinstance(operation, Update)
            there[operation.obj["metadata"]["name"]] = operation.obj
    raise AssertionError("it does not come to rest")


def test_sums_and_sums_of_sums() -> None:
    found = settle(
        [
            role("admin", "kept", chooses="a"),
            role("edit", chooses="e", a="yes"),
            role("pods", "pods", e="yes"),
            role("secrets", "secrets", "pods", a="yes"),
            role("other", "nodes"),
        ]
    )
    assert found["edit"] == ["pods"]
    assert found["admin"] == ["pods", "secrets"]
    assert (found["pods"], found["other"]) == (["pods"], ["nodes"])


def test_a_sum_of_nothing_is_empty() -> None:
    assert settle([role("sum", "left", chooses="x")])["sum"] == []
