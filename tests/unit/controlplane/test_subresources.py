# SPDX-License-Identifier: Apache-2.0
"""scale, binding, eviction, token, reviews, finalize and approval over HTTP."""

from typing import Any

import pytest

from tests.support.apiserver import Running, running

PODS = "/api/v1/namespaces/default/pods"


def pod(api: Running, ns: str, name: str = "p", node: str = "", **labels: str) -> str:
    spec: dict[str, Any] = {
        "containers": [{"name": "c", "image": "i"}],
        **({"nodeName": node} if node else {}),
    }
    made = api.post(f"{ns}/pods", {"metadata": {"name": name, "labels": labels}, "spec": spec})
    assert made.code == 201, made.body
    return f"{ns}/pods/{name}"


def deployment(api: Running, ns: str) -> str:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    apps = ns.replace("/api/v1", "/apis/apps/v1")
    assert api.post(f"{apps}/deployments", body).code == 201
    return f"{apps}/deployments/d"


def test_scale(api: Running, ns: str) -> None:
    path = deployment(api, ns)
    scale = api.get(f"{path}/scale").json
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 0, "selector": "a=b"})
    scale["spec"]["replicas"] = 3
    assert api.put(f"{path}/scale", scale).json["spec"] == {"replicas": 3}
    now = api.get(path).json
    assert (now["spec"]["replicas"], now["metadata"]["generation"]) == (3, 2)
    assert api.put(f"{path}/scale", scale).code == 409
    assert api.patch(f"{path}/scale", {"spec": {"replicas": 5}}).json["spec"] == {"replicas": 5}
    assert api.patch(f"{path}/scale", {"spec": {"replicas": -1}}).code == 422
    assert api.patch(f"{path}/scale", {"spec": {"replicas": "x"}}).code == 400
    table = api.get(f"{path}/scale", Accept="application/json;as=Table;v=v1;g=meta.k8s.io").json
    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        "Desired",
        "Available",
        "Age",
    ]
    assert table["rows"][0]["cells"][1:3] == [5, 0]


def test_binding_gives_a_pod_its_node_once(api: Running, ns: str) -> None:
    path = pod(api, ns)
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": "node1"}}
    done = api.post(f"{path}/binding", binding)
    assert (done.code, done.json["status"]) == (201, "Success")
    bound = api.get(path).json
    assert bound["spec"]["nodeName"] == "node1"
    (condition,) = [item for item in bound["status"]["conditions"] if item["type"] == "PodScheduled"]
    assert condition["status"] == "True"
    again = api.post(f"{path}/binding", binding)
    assert (again.code, "already assigned" in again.json["message"]) == (409, True)
    assert api.post(f"{path}/binding", {"target": {}}).code == 422
    other = pod(api, ns, "q")
    older = {"metadata": {"name": "q"}, "target": {"name": "node2"}}
    assert api.post(f"{ns}/bindings", older).code == 201
    assert api.get(other).json["spec"]["nodeName"] == "node2"


def budget(api: Running, ns: str, **status: Any) -> str:
    policy = ns.replace("/api/v1", "/apis/policy/v1")
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    made = api.post(f"{policy}/poddisruptionbudgets", {"metadata": {"name": "b"}, "spec": spec})
    assert made.code == 201, made.body
    path = f"{policy}/poddisruptionbudgets/b"
    assert api.patch(f"{path}/status", {"status": {"observedGeneration": 1, **status}}).code == 200
    return path


def test_eviction_asks_the_budget(api: Running, ns: str) -> None:
    path = pod(api, ns, node="node1", a="b")
    ready = {"type": "Ready", "status": "True"}
    api.patch(f"{path}/status", {"status": {"phase": "Running", "conditions": [ready]}})
    policy = budget(api, ns, disruptionsAllowed=0, desiredHealthy=1, currentHealthy=1, expectedPods=1)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    refused = api.post(f"{path}/eviction", eviction)
    assert (refused.code, refused.json["reason"]) == (429, "TooManyRequests")
    assert refused.json["details"]["causes"][0]["reason"] == "DisruptionBudget"
    api.patch(f"{policy}/status", {"status": {"disruptionsAllowed": 1}})
    assert api.post(f"{path}/eviction?dryRun=All", eviction).code == 201
    assert api.post(f"{path}/eviction", eviction).code == 201
    assert api.get(path).json["metadata"]["deletionTimestamp"]
    status = api.get(policy).json["status"]
    assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["p"])


@pytest.mark.parametrize(
    ("healthy", "needed", "policy", "code"),
    [
        (1, 1, {}, 201),
        (2, 1, {"unhealthyPodEvictionPolicy": "IfHealthyBudget"}, 201),
        (0, 1, {}, 429),
        (0, 0, {}, 429),
        (0, 1, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, 201),
    ],
)
def test_eviction_of_a_pod_that_is_not_ready_takes_from_no_budget(
    api: Running, ns: str, healthy: int, needed: int, policy: dict[str, str], code: int
) -> None:
    path = pod(api, ns, node="node1", a="b")
    api.patch(f"{path}/status", {"status": {"phase": "Running"}})
    numbers = {"desiredHealthy": needed, "currentHealthy": healthy, "expectedPods": 2}
    where = budget(api, ns, disruptionsAllowed=0, **numbers)
    api.patch(where, {"spec": policy})
    told = {"status": {"observedGeneration": api.get(where).json["metadata"]["generation"]}}
    api.patch(f"{where}/status", told)
    assert api.post(f"{path}/eviction", {"metadata": {"name": "p"}}).code == code
    assert "disruptedPods" not in api.get(where).json["status"]


def test_eviction_without_a_budget_deletes(api: Running, ns: str) -> None:
    path = pod(api, ns)
    assert api.post(f"{path}/eviction", {"metadata": {"name": "p"}}).code == 201
    assert api.get(path).code == 404


def test_namespaces_wait_for_finalize(api: Running, ns: str) -> None:
    waiting = api.delete(ns).json
    assert waiting["status"]["phase"] == "Terminating"
    assert waiting["spec"]["finalizers"] == ["kubernetes"]
    waiting["spec"]["finalizers"] = []
    assert api.put(f"{ns}/finalize", waiting).code == 200
    assert api.get(ns).code == 404


def test_ephemeral_containers_and_resize(api: Running, ns: str) -> None:
    path = pod(api, ns)
    debug = {"spec": {"ephemeralContainers": [{"name": "d", "image": "busybox"}]}}
    added = api.patch(f"{path}/ephemeralcontainers", debug, "strategic-merge-patch+json")
    assert (added.code, added.json["spec"]["ephemeralContainers"][0]["name"]) == (200, "d")
    assert api.patch(path, {"spec": {"nodeName": "x"}}).code == 422


def test_nobody_answers_what_nobody_can(api: Running, ns: str) -> None:
    account = api.post(f"{ns}/serviceaccounts", {"metadata": {"name": "a"}})
    assert account.code == 201
    assert api.post(f"{ns}/serviceaccounts/a/token", {"spec": {"audiences": []}}).code == 503
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    assert api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).code == 503


def test_hooks_answer_tokens_and_reviews() -> None:
    async def token(namespace: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "status": {"token": f"{namespace}/{name}"}}

    async def review(body: dict[str, Any], user: Any, _namespace: str) -> dict[str, Any]:
        return {**body, "status": {"allowed": True, "reason": user.name}}

    with running(token_issuer=token, reviews={"SelfSubjectAccessReview": review}) as api:
        made = api.post("/api/v1/namespaces/default/serviceaccounts/x/token", {"spec": {"audiences": ["a"]}})
        assert (made.code, made.json["status"]["token"]) == (201, "default/x")
        asked = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}})
        assert (asked.code, asked.json["status"]["reason"]) == (201, "orlop:loopback")
        assert api.get("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").code == 405


@pytest.mark.parametrize("path", ["pods/p/foo", "configmaps/a/status", "pods/p/scale", "pods/p/binding/x"])
def test_subresources_that_do_not_exist(api: Running, ns: str, path: str) -> None:
    answer = api.get(f"{ns}/{path}")
    assert (answer.code, answer.json["reason"]) == (404, "NotFound")


def test_verbs_that_do_not_exist_are_405(api: Running, ns: str) -> None:
    path = pod(api, ns)
    for method, where in (
        ("GET", f"{path}/binding"),
        ("POST", path),
        ("PUT", f"{ns}/pods"),
        ("POST", "/version"),
    ):
        answer = api.call(method, where, {} if method != "GET" else None)
        assert (answer.code, answer.json["reason"]) == (405, "MethodNotAllowed"), where


def test_events_are_one_store_under_two_groups(api: Running, ns: str) -> None:
    space = ns.rpartition("/")[2]
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": space},
        "reason": "Started",
        "message": "hello",
        "type": "Normal",
    }
    made = api.post(f"{ns}/events", event)
    assert made.code == 201, made.body
    newer = ns.replace("/api/v1", "/apis/events.k8s.io/v1")
    seen = api.get(f"{newer}/events/e").json
    assert (seen["apiVersion"], seen["note"], seen["regarding"]["name"]) == ("events.k8s.io/v1", "hello", "p")
    assert api.get(f"{newer}/events").json["items"][0]["note"] == "hello"
    found = api.get(f"{ns}/events?fieldSelector=involvedObject.name%3Dp,type%3DNormal").json["items"]
    assert [item["message"] for item in found] == ["hello"]
    labelled = api.patch(f"{ns}/events/e", {"metadata": {"labels": {"a": "b"}}})
    assert (labelled.code, api.get(f"{newer}/events/e").json["metadata"]["labels"]) == (200, {"a": "b"})
    with api.watch(f"{newer}/events?watch=1") as events:
        assert next(events)["object"]["note"] == "hello"
