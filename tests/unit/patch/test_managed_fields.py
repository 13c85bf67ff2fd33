# SPDX-License-Identifier: Apache-2.0
"""managedFields of ordinary writes, as the Kubernetes documentation describes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lightkube.models import core_v1

from controlplane.patch.managed_fields import manager_name, track_update
from controlplane.patch.managers import ANCIENT_CHANGES, MAX_UPDATE_MANAGERS
from controlplane.patch.plain import clone
from kube.schema import schema_of

Json = dict[str, Any]
POD, CONFIG_MAP, SERVICE = map(schema_of, (core_v1.Pod, core_v1.ConfigMap, core_v1.Service))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def tracked(old: Json | None, new: Json, manager: str = "me", minute: int = 0, **more: Any) -> Json:
    before = clone([old, new])
    options: dict[str, Any] = {"schema": CONFIG_MAP, "api_version": "v1", **more}
    result = track_update(
        options.pop("schema"), old, new, manager=manager, now=NOW + timedelta(minutes=minute), **options
    )
    assert [old, new] == before, "the arguments are left alone"
    return result


def config_map(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def entries(obj: Json) -> dict[str, Json]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", [])}


def changed(obj: Json, **data: str) -> Json:
    return {**obj, "data": {**obj["data"], **data}}


def test_a_create_owns_all_that_can_be_owned() -> None:
    new = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "d",
            "uid": "u",
            "creationTimestamp": "x",
            "generation": 1,
            "resourceVersion": "1",
            "selfLink": "/x",
            "generateName": "p-",
            "labels": {"a": "b"},
        },
        "spec": {
            "containers": [{"name": "a", "resources": {}, "args": ["x"], "ports": [{"containerPort": 80}]}],
            "nodeSelector": {"a": "b"},
        },
        "status": {"phase": "Pending"},
    }
    made = tracked(None, new, schema=POD)
    assert entries(made)["me"] == {
        "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:a": {}}},
        "f:spec": {
            "f:containers": {
                'k:{"name":"a"}': {
                    ".": {},
                    "f:args": {},
                    "f:name": {},
                    "f:ports": {
                        ".": {},
                        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                    },
                    "f:resources": {},
                }
            },
            "f:nodeSelector": {},
        },
    }
    assert {key: made[key] for key in ("spec", "status")} == {key: new[key] for key in ("spec", "status")}


def test_an_update_takes_what_it_changes() -> None:
    first = tracked(None, config_map(a="1", b="1"))
    second = tracked(first, changed(first, a="2", c="3"), "you", minute=1)
    assert entries(second) == {
        "me": {"f:data": {".": {}, "f:b": {}}},
        "you": {"f:data": {"f:a": {}, "f:c": {}}},
    }
    assert [entry["time"] for entry in second["metadata"]["managedFields"]] == [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:01:00Z",
    ]


def test_what_is_removed_nobody_owns() -> None:
    first = tracked(None, config_map(a="1"))
    second = tracked(first, {key: value for key, value in first.items() if key != "data"}, "you")
    assert entries(second) == {}


def test_a_write_that_changes_nothing_keeps_the_time() -> None:
    first = tracked(None, config_map(a="1"))
    assert tracked(first, first, "you", minute=5) == first


def test_a_write_that_only_removes_keeps_the_time() -> None:
    first = tracked(None, config_map(a="1", b="2"))
    second = tracked(first, {**first, "data": {"a": "1"}}, minute=5)
    assert second["metadata"]["managedFields"][0]["time"] == "2026-01-01T00:00:00Z"
    assert entries(second) == {"me": {"f:data": {".": {}, "f:a": {}}}}


def test_status_writes_are_an_entry_of_their_own() -> None:
    first = tracked(None, {"metadata": {"name": "p"}, "spec": {"nodeName": "n"}}, schema=POD)
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    second = tracked(first, {**first, "status": status}, schema=POD, subresource="status")
    assert [entry.get("subresource") for entry in second["metadata"]["managedFields"]] == [None, "status"]
    assert second["metadata"]["managedFields"][1]["fieldsV1"] == {
        "f:status": {
            "f:conditions": {".": {}, 'k:{"type":"Ready"}': {".": {}, "f:status": {}, "f:type": {}}},
            "f:phase": {},
        }
    }


def test_status_of_a_main_write_is_not_owned_unless_asked() -> None:
    obj = {"metadata": {"name": "p"}, "status": {"phase": "x"}}
    assert entries(tracked(None, obj, schema=POD)) == {}
    assert entries(tracked(None, obj, schema=POD, ignored=())) == {"me": {"f:status": {"f:phase": {}}}}


def test_a_client_that_drops_managed_fields_loses_nothing() -> None:
    first = tracked(None, config_map(a="1"))
    assert entries(tracked(first, config_map(a="1"), "you")) == entries(first)


def test_a_client_may_write_managed_fields() -> None:
    first = tracked(None, config_map(a="1"))
    entry = {**first["metadata"]["managedFields"][0], "manager": "renamed"}
    second = tracked(first, {**first, "metadata": {"name": "c", "managedFields": [entry]}})
    assert entries(second) == {"renamed": {"f:data": {".": {}, "f:a": {}}}}


@pytest.mark.parametrize(
    "sent",
    ["x", [1], [{"manager": "x"}], [{"operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"a": 1}}]],
)
def test_managed_fields_that_cannot_be_read_are_left_aside(sent: Any) -> None:
    first = tracked(None, config_map(a="1"))
    second = tracked(first, {**first, "metadata": {"name": "c", "managedFields": sent}})
    assert entries(second) == entries(first)


def test_managers_can_be_reset() -> None:
    first = tracked(None, config_map(a="1"))
    second = tracked(first, {**first, "metadata": {"name": "c", "managedFields": [{}]}})
    assert "managedFields" not in second["metadata"]
    assert "managedFields" not in tracked(second, changed(second, a="2"))["metadata"]


def test_a_subresource_cannot_write_managed_fields() -> None:
    first = tracked(None, {"metadata": {"name": "p"}, "spec": {"nodeName": "n"}}, schema=POD)
    new = {**first, "metadata": {"name": "p", "managedFields": [{}]}}
    assert entries(tracked(first, new, schema=POD, subresource="status")) == entries(first)


def test_old_update_managers_are_put_together() -> None:
    obj = tracked(None, config_map(first="1"), "m0")
    for number in range(1, MAX_UPDATE_MANAGERS + 3):
        obj = tracked(obj, changed(obj, **{f"k{number}": "1"}), f"m{number}", minute=number)
    found = entries(obj)
    assert len(found) == MAX_UPDATE_MANAGERS
    assert found[ANCIENT_CHANGES] == {"f:data": {".": {}, "f:first": {}, "f:k1": {}, "f:k2": {}, "f:k3": {}}}
    bucket = next(entry for entry in obj["metadata"]["managedFields"] if entry["manager"] == ANCIENT_CHANGES)
    assert (bucket["time"], bucket["operation"]) == ("2026-01-01T00:03:00Z", "Update")


def test_items_that_nothing_tells_apart_are_one_field() -> None:
    ports = [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]
    first = tracked(None, {"metadata": {"name": "s"}, "spec": {"ports": ports}}, schema=SERVICE)
    assert entries(first)["me"] == {"f:spec": {"f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {}}}}
    second = tracked(first, {**first, "spec": {"ports": ports[:1]}}, "you", schema=SERVICE)
    assert entries(second) == {
        "me": {"f:spec": {"f:ports": {}}},
        "you": {
            "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}}}
        },
    }


@pytest.mark.parametrize(
    ("asked", "agent", "expected"),
    [
        ("me", "kubectl/v1", "me"),
        ("", "kubectl/v1.32 (linux)", "kubectl"),
        ("", "Mozilla\n5/x", "Mozilla5"),
        ("", "", ""),
        ("", "ä" * 100, "ä" * 64),
    ],
)
def test_the_name_of_a_manager(asked: str, agent: str, expected: str) -> None:
    assert manager_name(asked, agent) == expected
