# SPDX-License-Identifier: Apache-2.0
"""create, update, patch and delete over HTTP."""

from typing import Any

import pytest

from tests.support.apiserver import Running


def configmap(name: str = "a", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_create_sets_what_the_server_knows(api: Running, ns: str) -> None:
    body = configmap(x="1")
    body["metadata"] |= {
        "uid": "mine",
        "creationTimestamp": None,
        "deletionTimestamp": "2020-01-01T00:00:00Z",
    }
    made = api.post(f"{ns}/configmaps", body)
    metadata = made.json["metadata"]
    assert made.code == 201
    assert metadata["namespace"] == ns.rpartition("/")[2]
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert "deletionTimestamp" not in metadata


def test_create_twice_conflicts(api: Running, ns: str) -> None:
    api.post(f"{ns}/configmaps", configmap())
    again = api.post(f"{ns}/configmaps", configmap())
    assert (again.code, again.json["reason"]) == (409, "AlreadyExists")
    assert again.json["message"] == 'configmaps "a" already exists'


def test_generate_name(api: Running, ns: str) -> None:
    body = {"metadata": {"generateName": "job-"}}
    made = [api.post(f"{ns}/configmaps", body).json["metadata"]["name"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in made)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"metadata": {"name": "A_B"}}, 422, "Invalid"),
        ({"metadata": {}}, 422, "Invalid"),
        ({"metadata": {"name": "a", "namespace": "elsewhere"}}, 400, "BadRequest"),
        ({"metadata": {"name": "a", "resourceVersion": "5"}}, 400, "BadRequest"),
        ({"kind": "Pod"}, 400, "BadRequest"),
        ({"apiVersion": "v2"}, 400, "BadRequest"),
        ({"data": {"x": 5}}, 400, "BadRequest"),
        ({"metadata": {"name": "a", "labels": {"-": "x"}}}, 422, "Invalid"),
    ],
)
def test_bad_objects(api: Running, ns: str, change: dict[str, Any], code: int, reason: str) -> None:
    answer = api.post(f"{ns}/configmaps", {**configmap(), **change})
    assert (answer.code, answer.json["reason"], answer.json["code"]) == (code, reason, code)


def test_field_validation(api: Running, ns: str) -> None:
    body = {**configmap(), "dada": {"x": "1"}}
    strict = api.post(f"{ns}/configmaps?fieldValidation=Strict", body)
    assert strict.code == 400
    assert 'strict decoding error: unknown field "dada"' in strict.json["message"]
    warned = api.post(f"{ns}/configmaps?fieldValidation=Warn&dryRun=All", body)
    assert warned.code == 201
    assert warned.headers["Warning"] == '299 - "unknown field \\"dada\\""'
    assert "dada" not in warned.json
    ignored = api.post(f"{ns}/configmaps?fieldValidation=Ignore", body)
    assert (ignored.code, ignored.headers.get("Warning")) == (201, None)
    doubled = b'{"metadata":{"name":"b"},"data":{"a":"1","a":"2"}}'
    answer = api.post(f"{ns}/configmaps?fieldValidation=Strict", doubled)
    assert (answer.code, 'duplicate field "a"' in answer.json["message"]) == (400, True)


def test_dry_run_writes_nothing(api: Running, ns: str) -> None:
    assert api.post(f"{ns}/configmaps?dryRun=All", configmap()).code == 201
    assert api.get(f"{ns}/configmaps/a").code == 404
    api.post(f"{ns}/configmaps", configmap(x="1"))
    assert api.post(f"{ns}/configmaps?dryRun=All", configmap()).code == 409
    assert api.put(f"{ns}/configmaps/a?dryRun=All", configmap(x="2")).json["data"] == {"x": "2"}
    assert api.call("DELETE", f"{ns}/configmaps/a?dryRun=All").code == 200
    assert api.get(f"{ns}/configmaps/a").json["data"] == {"x": "1"}
    assert api.post(f"{ns}/configmaps?dryRun=some", configmap()).code == 400


def test_update_checks_the_revision_only_if_given(api: Running, ns: str) -> None:
    first = api.post(f"{ns}/configmaps", configmap(x="1")).json
    second = api.put(f"{ns}/configmaps/a", configmap(x="2")).json
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    stale = api.put(f"{ns}/configmaps/a", first)
    assert (stale.code, stale.json["reason"]) == (409, "Conflict")
    assert "the object has been modified" in stale.json["message"]
    assert api.put(f"{ns}/configmaps/a", second | {"data": {"x": "3"}}).code == 200
    other = configmap(x="4")
    other["metadata"]["uid"] = "11111111-1111-1111-1111-111111111111"
    assert api.put(f"{ns}/configmaps/a", other).code == 409
    assert api.put(f"{ns}/configmaps/a", configmap("b")).code == 400


def test_an_update_that_changes_nothing_is_not_written(api: Running, ns: str) -> None:
    made = api.post(f"{ns}/configmaps", configmap(x="1")).json
    assert api.put(f"{ns}/configmaps/a", made).json == made


def test_update_of_nothing(api: Running, ns: str) -> None:
    assert api.put(f"{ns}/configmaps/none", configmap("none")).code == 404


def test_update_creates_where_the_kind_allows_it(api: Running, ns: str) -> None:
    leases = ns.replace("/api/v1", "/apis/coordination.k8s.io/v1")
    body = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}
    assert api.put(f"{leases}/leases/l", body).code == 201
    assert api.put(f"{leases}/leases/l", body).code == 200


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("json-patch+json", [{"op": "replace", "path": "/data/x", "value": "2"}]),
        ("merge-patch+json", {"data": {"x": "2"}}),
        ("strategic-merge-patch+json", {"data": {"x": "2"}}),
    ],
)
def test_patches(api: Running, ns: str, kind: str, patch: object) -> None:
    api.post(f"{ns}/configmaps", configmap(x="1", y="1"))
    answer = api.patch(f"{ns}/configmaps/a", patch, kind)
    assert (answer.code, answer.json["data"]) == (200, {"x": "2", "y": "1"})


def test_patch_refusals(api: Running, ns: str) -> None:
    api.post(f"{ns}/configmaps", configmap(x="1"))
    assert api.patch(f"{ns}/configmaps/a", {}, "json").code == 415
    assert api.patch(f"{ns}/configmaps/a", b"{", "merge-patch+json").code == 400
    assert api.patch(f"{ns}/configmaps/a", {"data": {"x": 5}}).code == 400
    assert api.patch(f"{ns}/configmaps/a", {"metadata": {"name": "b"}}).code == 400
    assert api.patch(f"{ns}/configmaps/a", {"metadata": {"resourceVersion": "1"}}).code == 409
    assert api.patch(f"{ns}/configmaps/none", {}).code == 404


def test_server_side_apply(api: Running, ns: str) -> None:
    def apply(manager: str, value: str, *, force: bool = False) -> Any:
        path = f"{ns}/configmaps/a?fieldManager={manager}" + ("&force=true" if force else "")
        return api.patch(path, configmap(x=value), "apply-patch+yaml")

    assert apply("one", "1").code == 201
    assert apply("one", "1").code == 200
    conflict = apply("two", "2")
    assert (conflict.code, conflict.json["reason"]) == (409, "Conflict")
    assert conflict.json["details"]["causes"][0]["reason"] == "FieldManagerConflict"
    forced = apply("two", "2", force=True)
    assert forced.json["data"] == {"x": "2"}
    managers = {entry["manager"] for entry in forced.json["metadata"]["managedFields"]}
    assert "two" in managers


def test_delete_answers_success_and_is_gone(api: Running, ns: str) -> None:
    made = api.post(f"{ns}/configmaps", configmap()).json
    wrong = {"preconditions": {"uid": "11111111-1111-1111-1111-111111111111"}}
    refused = api.delete(f"{ns}/configmaps/a", wrong)
    assert (refused.code, refused.json["reason"]) == (409, "Conflict")
    done = api.delete(f"{ns}/configmaps/a", {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert (done.code, done.json["status"]) == (200, "Success")
    assert done.json["details"]["uid"] == made["metadata"]["uid"]
    assert api.delete(f"{ns}/configmaps/a").code == 404


def test_finalizers_hold_an_object(api: Running, ns: str) -> None:
    body = configmap()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    api.post(f"{ns}/configmaps", body)
    waiting = api.delete(f"{ns}/configmaps/a").json
    assert waiting["metadata"]["deletionTimestamp"]
    added = api.patch(
        f"{ns}/configmaps/a", {"metadata": {"finalizers": ["example.com/hold", "example.com/b"]}}
    )
    assert added.code == 422
    start = waiting["metadata"]["resourceVersion"]
    assert api.patch(f"{ns}/configmaps/a", {"metadata": {"finalizers": None}}).code == 200
    assert api.get(f"{ns}/configmaps/a").code == 404
    with api.watch(f"{ns}/configmaps?watch=1&resourceVersion={start}") as events:
        assert next(events)["type"] == "DELETED"


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        ({"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
        ({"propagationPolicy": "Orphan"}, ["orphan"]),
        ({"orphanDependents": True}, ["orphan"]),
    ],
)
def test_propagation_policies_are_finalizers(
    api: Running, ns: str, options: dict[str, Any], finalizers: list[str]
) -> None:
    api.post(f"{ns}/configmaps", configmap())
    assert api.delete(f"{ns}/configmaps/a", options).json["metadata"]["finalizers"] == finalizers


def test_background_deletes_at_once(api: Running, ns: str) -> None:
    api.post(f"{ns}/configmaps", configmap())
    assert api.delete(f"{ns}/configmaps/a?propagationPolicy=Background").json["status"] == "Success"


def test_bad_delete_options(api: Running, ns: str) -> None:
    api.post(f"{ns}/configmaps", configmap())
    for body in (
        {"propagationPolicy": "x"},
        {"gracePeriodSeconds": "x"},
        {"foo": 1},
        [1],
        {"preconditions": 5},
    ):
        assert api.delete(f"{ns}/configmaps/a", body).code == 400
    assert api.delete(f"{ns}/configmaps/a?gracePeriodSeconds=x").code == 400


def test_pods_end_with_grace(api: Running, ns: str) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}}
    assert api.post(f"{ns}/pods", pod).code == 201
    waiting = api.delete(f"{ns}/pods/p").json
    assert waiting["metadata"]["deletionGracePeriodSeconds"] == 30
    shorter = api.delete(f"{ns}/pods/p?gracePeriodSeconds=5").json
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    longer = api.delete(f"{ns}/pods/p?gracePeriodSeconds=50").json
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 5
    api.delete(f"{ns}/pods/p?gracePeriodSeconds=0")
    assert api.get(f"{ns}/pods/p").code == 404


def test_deletecollection_takes_selectors(api: Running, ns: str) -> None:
    for name, tier in (("a", "web"), ("b", "db"), ("c", "web")):
        body = configmap(name)
        body["metadata"]["labels"] = {"tier": tier}
        api.post(f"{ns}/configmaps", body)
    gone = api.call("DELETE", f"{ns}/configmaps?labelSelector=tier%3Dweb").json
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "c"]
    left = api.get(f"{ns}/configmaps").json["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


def test_status_is_a_part_of_its_own(api: Running, ns: str) -> None:
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
        "status": {"phase": "Failed"},
    }
    made = api.post(f"{ns}/pods", pod).json
    assert made["status"]["phase"] == "Pending"
    made["status"]["phase"] = "Running"
    made["metadata"]["labels"] = {"a": "b"}
    changed = api.put(f"{ns}/pods/p/status", made).json
    assert changed["status"]["phase"] == "Running"
    changed["status"]["phase"] = "Failed"
    again = api.put(f"{ns}/pods/p", changed).json
    assert again["status"]["phase"] == "Running"
    patched = api.patch(f"{ns}/pods/p/status", {"status": {"message": "hi"}}).json
    assert patched["status"]["message"] == "hi"


def test_generation_counts_changes_of_spec(api: Running, ns: str) -> None:
    apps = ns.replace("/api/v1", "/apis/apps/v1")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    made = api.post(f"{apps}/deployments", body)
    assert made.json["metadata"]["generation"] == 1, made.body
    assert made.json["spec"]["replicas"] == 1
    assert api.patch(f"{apps}/deployments/d", {"spec": {"replicas": 2}}).json["metadata"]["generation"] == 2
    labelled = api.patch(f"{apps}/deployments/d", {"metadata": {"labels": {"x": "y"}}})
    assert labelled.json["metadata"]["generation"] == 2


def test_a_pod_without_anything_is_refused(api: Running, ns: str) -> None:
    pod = {"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert api.post(f"{ns}/pods", pod).code == 201
    assert api.put(f"{ns}/pods/bare", {}).code == 422
