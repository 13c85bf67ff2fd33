# SPDX-License-Identifier: Apache-2.0
"""Every kind through the API server: created, read, shown as a Table, written back, deleted."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.apiserver import Running, running
from tests.support.minimal_objects import CLUSTER_SCOPED, STORED, Key, minimal
from tests.support.registry_objects import resource

Json = dict[str, Any]

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    with running() as server:
        yield server


def _collection(key: Key) -> str:
    group, version, plural = key
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return f"{root}/{plural}" if plural in CLUSTER_SCOPED else f"{root}/namespaces/default/{plural}"


@pytest.mark.parametrize("key", STORED, ids=lambda key: "/".join(key))
def test_a_life(api: Running, key: Key) -> None:
    kind, path = resource(key), _collection(key)
    name = f"life-{key[0].split('.')[0]}{key[1]}"
    made = api.post(f"{path}?fieldValidation=Strict", minimal(key, kind.kind, name))
    assert made.code == 201, made.body
    obj = made.json
    assert (obj["apiVersion"], obj["kind"], obj["metadata"]["name"]) == (kind.api_version, kind.kind, name)
    assert api.get(f"{path}/{name}").json == obj

    again = api.put(f"{path}/{name}", obj)
    assert again.code == 200, again.body
    assert again.json == obj

    table = api.get(path, accept=TABLE).json
    assert [column["name"] for column in table["columnDefinitions"]] == [c.name for c in kind.columns]
    assert all(len(row["cells"]) == len(kind.columns) for row in table["rows"])

    gone = api.delete(f"{path}/{name}")
    assert gone.code == 200, gone.body


def test_what_is_wrong_is_told_at_once(api: Running) -> None:
    service = {"metadata": {"name": "Web"}, "spec": {"type": "Magic", "ports": [{"port": 0}]}}
    answer = api.post("/api/v1/namespaces/default/services", service)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert {cause["field"] for cause in answer.json["details"]["causes"]} >= {"metadata.name"}
    service["metadata"] = {"name": "web"}
    answer = api.post("/api/v1/namespaces/default/services", service)
    assert {cause["field"] for cause in answer.json["details"]["causes"]} == {
        "spec.type",
        "spec.ports[0].port",
    }
