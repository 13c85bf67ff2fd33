# SPDX-License-Identifier: Apache-2.0
"""Server-side apply over HTTP, case by case as the Kubernetes documentation describes it.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from typing import Any

import pytest

from tests.support.apiserver import Answer, Running

Json = dict[str, Any]

APPLY = "apply-patch+yaml"


def apply(api: Running, path: str, config: Json, manager: str, *, force: bool = False) -> Answer:
    return api.patch(f"{path}?fieldManager={manager}&force={str(force).lower()}", config, APPLY)


def entries(obj: Json) -> dict[tuple[str, str, str], Json]:
    """Who owns what: (manager, operation, subresource) -> fieldsV1."""
    return {
        (each["manager"], each["operation"], each.get("subresource", "")): each["fieldsV1"]
        for each in obj["metadata"]["managedFields"]
    }


def deployment(**spec: Any) -> Json:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec},
    }


def scale(**spec: Any) -> Json:
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}, "spec": spec}


@pytest.fixture
def path(api: Running, ns: str) -> str:
    """A Deployment of three replicas that "owner" has applied."""
    path = f"{ns.replace('/api/v1', '/apis/apps/v1')}/deployments/d"
    assert apply(api, path, deployment(replicas=3), "owner").code == 201
    return path


def test_scale_conflicts_with_who_applied_the_number(api: Running, path: str) -> None:
    refused = apply(api, f"{path}/scale", scale(replicas=5), "scaler")
    assert (refused.code, refused.json["reason"]) == (409, "Conflict")
    assert refused.json["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "owner"', "field": ".spec.replicas"}
    ]


def test_scale_takes_the_number_by_force_and_keeps_it(api: Running, path: str) -> None:
    forced = apply(api, f"{path}/scale", scale(replicas=5), "scaler", force=True)
    assert (forced.code, forced.json["kind"], forced.json["spec"]) == (200, "Scale", {"replicas": 5})
    obj = api.get(path).json
    assert obj["spec"]["replicas"] == 5
    owned = entries(obj)
    assert owned["scaler", "Apply", "scale"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owned["owner", "Apply", ""]["f:spec"]
    # The documented way to hand the number over: leave it out, and it stays.
    assert apply(api, path, deployment(), "owner").json["spec"]["replicas"] == 5
    assert apply(api, path, deployment(replicas=2), "owner").code == 409
    assert api.get(path).json["spec"]["template"]["spec"]["containers"][0]["name"] == "c"


def test_scale_shares_the_same_number(api: Running, path: str) -> None:
    assert apply(api, f"{path}/scale", scale(replicas=3), "scaler").code == 200
    assert apply(api, path, deployment(), "owner").json["spec"]["replicas"] == 3
    again = api.get(path).json
    assert apply(api, f"{path}/scale", scale(replicas=3), "scaler").code == 200
    assert api.get(path).json == again, "the same again changes nothing"


@pytest.mark.parametrize(
    ("config", "manager", "code"),
    [
        (scale(), "m", 400),
        (scale(replicas=-1), "m", 422),
        (scale(replicas="x"), "m", 400),
        (scale(replicas=1), "", 400),
        ({**scale(replicas=1), "metadata": {"name": "other"}}, "m", 400),
        ({**scale(replicas=1), "metadata": {"name": "d", "resourceVersion": "1"}}, "m", 409),
        ({**scale(replicas=1), "kind": "Deployment"}, "m", 400),
    ],
)
def test_a_scale_that_is_refused(api: Running, path: str, config: Json, manager: str, code: int) -> None:
    assert apply(api, f"{path}/scale", config, manager, force=True).code == code
    assert api.get(path).json["spec"]["replicas"] == 3


def test_a_scale_that_is_applied_dry(api: Running, path: str) -> None:
    dry = api.patch(f"{path}/scale?fieldManager=m&force=true&dryRun=All", scale(replicas=9), APPLY)
    assert (dry.code, dry.json["spec"]) == (200, {"replicas": 9})
    assert api.get(path).json["spec"]["replicas"] == 3


def test_update_by_scale_takes_the_number_from_an_applier(api: Running, path: str) -> None:
    found = api.get(f"{path}/scale").json
    found["spec"]["replicas"] = 7
    assert api.put(f"{path}/scale?fieldManager=kubectl", found).code == 200
    refused = apply(api, path, deployment(replicas=3), "owner")
    assert refused.code == 409
    assert 'conflict with "kubectl"' in refused.json["message"]


def test_status_has_managers_of_its_own(api: Running, path: str) -> None:
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1}}
    assert apply(api, f"{path}/status", status, "owner").code == 200
    obj = api.get(path).json
    assert entries(obj)["owner", "Apply", "status"] == {"f:status": {"f:replicas": {}}}
    # Applying the spec again takes nothing of the status away.
    assert apply(api, path, deployment(replicas=3), "owner").json["status"]["replicas"] == 1
    assert apply(api, path, {**deployment(replicas=3), "status": {"replicas": 9}}, "owner").code == 200
    assert api.get(path).json["status"]["replicas"] == 1


def container(name: str, **more: Any) -> Json:
    return {"name": name, "image": "i", **more}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # A granular map: keys of others stay.
        ({"metadata": {"labels": {"x": "1", "y": "1"}}}, {"metadata": {"labels": {"y": "1"}}}, {"y": "1"}),
        ({"metadata": {"labels": {"x": "1"}}}, {"metadata": {}}, None),
        ({"metadata": {"labels": {"x": "1"}}}, {"metadata": {"labels": {"x": None}}}, None),
    ],
)
def test_labels(api: Running, ns: str, first: Json, second: Json, expected: Json | None) -> None:
    path = f"{ns}/configmaps/c"
    names = {"apiVersion": "v1", "kind": "ConfigMap"}
    assert apply(api, path, {**names, **first}, "m").code == 201
    labels = apply(api, path, {**names, **second}, "m").json["metadata"].get("labels")
    assert (labels or None) == expected


def test_a_map_list_is_merged_by_its_keys_and_gives_back_what_was_listed(api: Running, path: str) -> None:
    config = deployment()
    config["spec"]["template"]["spec"]["containers"] = [container("sidecar")]
    assert apply(api, path, config, "injector").code == 200
    assert containers(api, path) == ["c", "sidecar"]
    config["spec"]["template"]["spec"]["containers"] = [container("other")]
    assert apply(api, path, config, "injector").code == 200
    assert containers(api, path) == ["c", "other"]


def containers(api: Running, path: str) -> list[str]:
    return [each["name"] for each in api.get(path).json["spec"]["template"]["spec"]["containers"]]


def test_a_set_list_is_a_union(api: Running, ns: str) -> None:
    def finalized(*found: str) -> Json:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": list(found)}}

    path = f"{ns}/configmaps/s"
    apply(api, path, finalized("a.b/1", "a.b/2"), "one")
    apply(api, path, finalized("a.b/2", "a.b/3"), "two")
    apply(api, path, finalized("a.b/1"), "one")
    assert api.get(path).json["metadata"]["finalizers"] == ["a.b/1", "a.b/2", "a.b/3"]
    apply(api, path, finalized("a.b/3"), "two")
    assert api.get(path).json["metadata"]["finalizers"] == ["a.b/1", "a.b/3"]


def test_an_atomic_map_goes_as_a_whole(api: Running, ns: str) -> None:
    def service(**selector: str) -> Json:
        spec = {"ports": [{"port": 80}], "selector": selector}
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}

    path = f"{ns}/services/s"
    assert apply(api, path, service(a="1", b="2"), "one").code == 201
    refused = apply(api, path, service(a="1"), "two")
    assert [cause["field"] for cause in refused.json["details"]["causes"]] == [".spec.selector"]
    assert apply(api, path, service(a="1"), "two", force=True).json["spec"]["selector"] == {"a": "1"}


def test_what_an_update_changes_is_the_updaters(api: Running, path: str) -> None:
    obj = api.get(path).json
    obj["spec"]["replicas"] = 4
    assert api.put(f"{path}?fieldManager=hand", obj).code == 200
    assert entries(api.get(path).json)["hand", "Update", ""] == {"f:spec": {"f:replicas": {}}}
    assert apply(api, path, deployment(replicas=3), "owner").code == 409
    taken = apply(api, path, deployment(replicas=3), "owner", force=True).json
    assert taken["spec"]["replicas"] == 3
    assert ("hand", "Update", "") not in entries(taken)


def test_managed_fields_can_be_reset(api: Running, path: str) -> None:
    patched = api.patch(path, {"metadata": {"managedFields": [{}]}})
    assert patched.code == 200
    assert "managedFields" not in patched.json["metadata"]
    refused = apply(api, path, deployment(replicas=9), "owner")
    assert 'conflict with "before-first-apply"' in refused.json["message"]
