# SPDX-License-Identifier: Apache-2.0
"""Server-side apply of real types, as the Kubernetes documentation describes it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from lightkube.models import apps_v1, core_v1

from controlplane.errors import ApiError
from controlplane.patch.apply import apply
from controlplane.patch.managed_fields import track_update
from controlplane.patch.plain import clone
from kube.schema import Schema, schema_of

Json = dict[str, Any]
DEPLOYMENT, POD, CONFIG_MAP, SERVICE = map(
    schema_of, (apps_v1.Deployment, core_v1.Pod, core_v1.ConfigMap, core_v1.Service)
)
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def applied(
    live: Json | None,
    config: Json,
    manager: str = "me",
    *,
    schema: Schema = CONFIG_MAP,
    force: bool = False,
    now: datetime = EARLY,
    subresource: str = "",
) -> Json:
    before = clone([live, config])
    result = apply(
        schema, live, config, manager=manager, force=force, now=now, subresource=subresource, api_version="v1"
    )
    assert [live, config] == before, "the arguments are left alone"
    return result


def updated(old: Json | None, new: Json, manager: str = "you", *, schema: Schema = CONFIG_MAP) -> Json:
    return track_update(schema, old, new, manager=manager, now=EARLY, api_version="v1")


def owned(obj: Json, manager: str, operation: str = "Apply") -> Json | None:
    entries = obj["metadata"].get("managedFields", [])
    found = [entry for entry in entries if (entry["manager"], entry["operation"]) == (manager, operation)]
    return found[0]["fieldsV1"] if found else None


def config_map(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def test_an_apply_that_creates_owns_what_it_lists() -> None:
    obj = applied(None, config_map(a="1"))
    assert obj["data"] == {"a": "1"}
    assert obj["metadata"]["managedFields"] == [
        {
            "manager": "me",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
    ]


def test_applying_again_changes_nothing_and_keeps_the_time() -> None:
    obj = applied(None, config_map(a="1"))
    assert applied(obj, config_map(a="1"), now=LATE) == obj
    later = applied(obj, config_map(a="2"), now=LATE)
    assert later["metadata"]["managedFields"][0]["time"] == "2026-01-02T00:00:00Z"


def test_what_is_not_listed_any_more_is_removed() -> None:
    obj = applied(applied(None, config_map(a="1", b="2")), config_map(b="2"))
    assert obj["data"] == {"b": "2"}
    assert owned(obj, "me") == {"f:data": {"f:b": {}}}


def test_what_another_has_too_stays() -> None:
    obj = applied(applied(None, config_map(a="1", b="2")), config_map(a="1"), "other")
    obj = applied(obj, config_map(b="2"))
    assert obj["data"] == {"a": "1", "b": "2"}
    assert owned(obj, "other") == {"f:data": {"f:a": {}}}


def test_what_nobody_listed_stays() -> None:
    obj = applied(None, config_map(a="1"))
    obj["data"]["defaulted"] = "x"
    assert applied(obj, config_map(b="2"))["data"] == {"defaulted": "x", "b": "2"}


def test_the_last_field_takes_its_object_along() -> None:
    obj = applied(applied(None, config_map(a="1")), {"metadata": {"name": "c"}})
    assert "data" not in obj
    assert "managedFields" not in obj["metadata"]


def test_a_conflict_names_field_and_manager() -> None:
    obj = applied(None, config_map(a="1", b="1", c="1"))
    with pytest.raises(ApiError) as refused:
        applied(obj, config_map(a="2", b="1"), "other")
    status = refused.value.to_status()
    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert status["message"] == 'Apply failed with 1 conflict: conflict with "me": .data.a'
    assert status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": ".data.a"}
    ]


def test_conflicts_with_several() -> None:
    live = updated(applied(None, config_map(a="1")), config_map(a="1", b="1", c="1"), "you")
    with pytest.raises(ApiError) as refused:
        applied(live, config_map(a="2", b="2", c="2"), "other")
    assert refused.value.message == (
        'Apply failed with 3 conflicts: conflicts with "me":\n- .data.a\nconflicts with "you" using v1:\n'
        "- .data.b\n- .data.c"
    )


def test_force_takes_the_field() -> None:
    obj = applied(applied(None, config_map(a="1", b="1")), config_map(a="2"), "other", force=True)
    assert obj["data"] == {"a": "2", "b": "1"}
    assert owned(obj, "me") == {"f:data": {"f:b": {}}}
    assert owned(obj, "other") == {"f:data": {"f:a": {}}}
    assert applied(obj, config_map(b="1"))["data"] == {"a": "2", "b": "1"}, "the former owner removes nothing"


def test_the_same_value_is_shared() -> None:
    obj = applied(applied(None, config_map(a="1")), config_map(a="1"), "other")
    with pytest.raises(ApiError):
        applied(obj, config_map(a="3"))
    obj = applied(obj, {"metadata": {"name": "c"}}, "other")
    assert applied(obj, config_map(a="3"))["data"] == {"a": "3"}


def test_an_update_takes_a_field_from_an_applier() -> None:
    obj = applied(None, config_map(a="1", b="1"))
    obj = updated(obj, {**obj, "data": {"a": "2", "b": "1"}})
    assert owned(obj, "me") == {"f:data": {"f:b": {}}}
    assert owned(obj, "you", "Update") == {"f:data": {"f:a": {}}}
    with pytest.raises(ApiError, match=r'conflict with "you" using v1: \.data\.a'):
        applied(obj, config_map(a="1", b="1"))


def test_null_is_not_listed() -> None:
    obj = applied(applied(None, config_map(a="1")), {**config_map(), "data": {"a": None, "b": "2"}})
    assert obj["data"] == {"b": "2"}


def test_the_first_apply_on_an_object_without_managers() -> None:
    live = config_map(a="1")
    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        applied(live, config_map(a="2"))
    assert owned(applied(live, config_map(a="1")), "before-first-apply", "Update") == {
        "f:data": {".": {}, "f:a": {}}
    }


def container(name: str, **more: Any) -> Json:
    return {"name": name, "image": "x", **more}


def pod(*containers: Json, **spec: Any) -> Json:
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers), **spec}}


def test_items_are_owned_by_their_keys() -> None:
    obj = applied(None, pod(container("a")), schema=POD)
    assert owned(obj, "me") == {
        "f:spec": {"f:containers": {'k:{"name":"a"}': {".": {}, "f:image": {}, "f:name": {}}}}
    }
    obj = applied(obj, pod(container("b")), "other", schema=POD)
    assert [item["name"] for item in obj["spec"]["containers"]] == ["a", "b"]
    obj = applied(obj, {"metadata": {"name": "p"}}, schema=POD)
    assert [item["name"] for item in obj["spec"]["containers"]] == ["b"]


@pytest.mark.parametrize(
    ("live", "config", "expected"),
    [
        ("abc", "cx", "abcx"),
        ("ab", "ba", "ba"),
        ("abc", "", "abc"),
        ("", "ba", "ba"),
        ("xayb", "ab", "xayb"),
        ("xayb", "ba", "xyba"),
        ("ax", "na", "nax"),
        ("xa", "na", "xna"),
    ],
)
def test_the_order_of_items(live: str, config: str, expected: str) -> None:
    obj = applied(None, pod(*map(container, live)), "other", schema=POD) if live else pod()
    obj = applied(obj, pod(*map(container, config)), schema=POD)
    assert "".join(item["name"] for item in obj["spec"]["containers"]) == expected


def test_ports_are_told_apart_by_number_and_protocol() -> None:
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 53}]
    obj = applied(None, {"metadata": {"name": "s"}, "spec": {"ports": ports}}, schema=SERVICE)
    fields = owned(obj, "me")
    assert fields is not None
    assert sorted(fields["f:spec"]["f:ports"]) == [
        'k:{"port":53,"protocol":"TCP"}',
        'k:{"port":53,"protocol":"UDP"}',
    ]
    obj["spec"]["ports"][1]["protocol"] = "TCP"  # as defaulting does
    less = applied(obj, {"metadata": {"name": "s"}, "spec": {"ports": ports[:1]}}, schema=SERVICE)
    assert less["spec"]["ports"] == [{"port": 53, "protocol": "UDP"}]


def test_sets() -> None:
    def finalized(*names: str) -> Json:
        return {"metadata": {"name": "c", "finalizers": list(names)}}

    obj = applied(applied(None, finalized("a/a", "a/b")), finalized("a/b", "a/c"), "other")
    assert obj["metadata"]["finalizers"] == ["a/a", "a/b", "a/c"]
    obj = applied(obj, finalized("a/a"))
    assert obj["metadata"]["finalizers"] == ["a/a", "a/b", "a/c"]
    obj = applied(obj, finalized("a/c"), "other")
    assert obj["metadata"]["finalizers"] == ["a/a", "a/c"]


def test_an_atomic_map_is_one_field() -> None:
    def selecting(**labels: str) -> Json:
        return {"metadata": {"name": "s"}, "spec": {"selector": labels}}

    obj = applied(None, selecting(a="1", b="2"), schema=SERVICE)
    assert owned(obj, "me") == {"f:spec": {"f:selector": {}}}
    assert applied(obj, selecting(a="1"), schema=SERVICE)["spec"]["selector"] == {"a": "1"}
    with pytest.raises(ApiError, match=r"\.spec\.selector$"):
        applied(obj, selecting(a="1"), "other", schema=SERVICE)


def test_an_empty_object_is_a_field() -> None:
    obj = applied(None, pod(volumes=[{"name": "v", "emptyDir": {}}]), schema=POD)
    assert obj["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    changed = pod(volumes=[{"name": "v", "hostPath": {"path": "/x"}}])
    assert applied(obj, changed, schema=POD)["spec"]["volumes"] == changed["spec"]["volumes"]


def test_status_is_for_its_subresource() -> None:
    config = {**pod(container("a")), "status": {"phase": "Running"}}
    obj = applied(None, config, schema=POD)
    assert "status" not in obj
    obj = applied(obj, {**config, "spec": {"nodeName": "n"}}, "kubelet", schema=POD, subresource="status")
    assert (obj["status"], obj["spec"]) == ({"phase": "Running"}, config["spec"])
    assert owned(obj, "kubelet") == {"f:status": {"f:phase": {}}}
    assert obj["metadata"]["managedFields"][0]["subresource"] == "status"


def test_identity_and_preconditions_are_kept_and_not_owned() -> None:
    config = {
        "metadata": {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": "7"},
        "data": {"a": "1"},
    }
    obj = applied(None, config)
    assert obj["metadata"]["resourceVersion"] == "7"
    assert owned(obj, "me") == {"f:data": {"f:a": {}}}


REFUSED: list[tuple[Json, str]] = [
    ({"spec": {"odd": 1}}, ".spec.odd: field not declared in schema"),
    ({"odd": 1}, ".odd: field not declared in schema"),
    ({"spec": {"nodeName": 1}}, ".spec.nodeName: expected string"),
    ({"spec": {"hostPID": "yes"}}, ".spec.hostPID: expected boolean"),
    ({"spec": {"priority": True}}, ".spec.priority: expected integer"),
    ({"spec": []}, ".spec: expected an object"),
    ({"spec": {"containers": {}}}, ".spec.containers: expected a list"),
    ({"spec": {"containers": ["x"]}}, ".spec.containers: element 0: expected an object"),
    ({"spec": {"containers": [{"image": "x"}]}}, 'omits key field "name"'),
    ({"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}, 'duplicate entries for key [name="a"]'),
    ({"spec": {"nodeSelector": {"a": 1}}}, ".spec.nodeSelector.a: expected string"),
    ({"metadata": {"managedFields": [{}]}}, "metadata.managedFields must be nil"),
    ({"metadata": []}, ".metadata: expected an object"),
    ({"metadata": {"finalizers": [None]}}, "must be scalars"),
]


@pytest.mark.parametrize(("config", "told"), REFUSED)
def test_a_configuration_that_does_not_fit(config: Json, told: str) -> None:
    with pytest.raises(ApiError) as refused:
        applied(None, config, schema=POD)
    assert refused.value.code == 400
    assert told in refused.value.message


def test_many_problems_are_counted() -> None:
    with pytest.raises(ApiError, match="and 20 more"):
        applied(None, {f"odd{number}": 1 for number in range(30)})


def test_too_deep() -> None:
    config: Json = {}
    for _ in range(5000):
        config = {"a": config}
    with pytest.raises(ApiError, match="nested deeper"):
        apply(CONFIG_MAP, None, config, manager="me", force=False, now=EARLY, api_version="v1")


def test_who_and_where_must_be_said() -> None:
    with pytest.raises(ApiError, match="fieldManager is required"):
        applied(None, config_map(), "")
    with pytest.raises(ApiError, match="subresource binding"):
        applied(None, config_map(), subresource="binding")


def test_defaults_that_the_server_set_belong_to_nobody() -> None:
    obj = applied(None, {"metadata": {"name": "d"}, "spec": {"replicas": 2}}, schema=DEPLOYMENT)
    obj["spec"]["progressDeadlineSeconds"] = 600
    obj = applied(
        obj, {"metadata": {"name": "d"}, "spec": {"progressDeadlineSeconds": 5}}, "other", schema=DEPLOYMENT
    )
    assert obj["spec"] == {"replicas": 2, "progressDeadlineSeconds": 5}
