# SPDX-License-Identifier: Apache-2.0
"""All plugins in a real server over HTTP, with the real reader and writer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from controlplane.admission.defaults import default_plugins
from controlplane.auth.audit import Entry, event_of
from controlplane.http.server import ApiServer
from controlplane.registry import default_registry
from controlplane.store.memory import MemoryStore
from controlplane.verbs.reader import StoreReader
from controlplane.verbs.writer import StoreWriter
from tests.support.apiserver import Answer, Running, running
from tests.support.wait import until

_NUMBERS = count(1)
ENTRIES: list[Entry] = []
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    registry, store = default_registry(), MemoryStore()
    plugins = default_plugins(StoreReader(registry, store), StoreWriter(registry, store))
    with running(registry, store=store, plugins=plugins, prepare=_audited) as server:
        yield server


def _audited(server: ApiServer) -> None:
    server.audit = ENTRIES.append


def space(api: Running, **labels: str) -> str:
    """The path of a new namespace with an account."""
    name = f"shop{next(_NUMBERS)}"
    assert api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}).code == 201
    path = f"/api/v1/namespaces/{name}"
    assert api.post(f"{path}/serviceaccounts", {"metadata": {"name": "default"}}).code == 201
    return path


def pod(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "image": "local/app:1"}], **spec},
    }


def with_quota(api: Running, path: str, **hard: str) -> None:
    """A quota as its controller leaves it behind."""
    made = api.post(f"{path}/resourcequotas", {"metadata": {"name": "compute"}, "spec": {"hard": hard}})
    assert made.code == 201, made.body
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    assert api.put(f"{path}/resourcequotas/compute/status", made.json | {"status": status}).code == 200


def used(api: Running, path: str) -> dict[str, str]:
    found: dict[str, str] = api.get(f"{path}/resourcequotas/compute").json["status"]["used"]
    return found


def test_a_pod_is_completed(api: Running) -> None:
    path = space(api)
    made = api.post(f"{path}/pods", pod())
    assert made.code == 201, made.body
    spec = made.json["spec"]
    assert (spec["serviceAccountName"], spec["priority"]) == ("default", 0)
    assert [one["tolerationSeconds"] for one in spec["tolerations"]] == [300, 300]
    assert [one["name"] for one in spec["volumes"]] == [spec["containers"][0]["volumeMounts"][0]["name"]]


def test_a_limit_range_reaches_the_quality_of_service(api: Running) -> None:
    path = space(api)
    limit = {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "max": {"cpu": "2"}}
    made = api.post(f"{path}/limitranges", {"metadata": {"name": "x"}, "spec": {"limits": [limit]}})
    assert made.code == 201, made.body
    assert api.post(f"{path}/pods", pod()).json["status"]["qosClass"] == "Guaranteed"
    big = pod("big")
    big["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "3"}}
    refused = api.post(f"{path}/pods", big)
    assert (refused.code, refused.json["message"]) == (
        403,
        'pods "big" is forbidden: maximum cpu usage per Container is 2, but limit is 3',
    )


def test_a_burst_gets_what_there_is_room_for(api: Running) -> None:
    path = space(api)
    with_quota(api, path, pods="5")

    def create(index: int) -> Answer:
        return api.post(f"{path}/pods", pod(f"p{index}"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(16)))
    assert sorted(answer.code for answer in answers) == [201] * 5 + [403] * 11
    assert used(api, path) == {"pods": "5"}
    messages = {answer.json["message"].partition(": ")[2] for answer in answers if answer.code == 403}
    assert messages == {"exceeded quota: compute, requested: pods=1, used: pods=5, limited: pods=5"}


def test_a_name_that_is_taken_costs_nothing(api: Running) -> None:
    path = space(api)
    with_quota(api, path, pods="5")
    codes = [api.post(f"{path}/pods", pod()).code for _ in range(3)]
    assert codes == [201, 409, 409]
    assert used(api, path) == {"pods": "1"}


def test_a_dry_run_costs_nothing(api: Running) -> None:
    path = space(api)
    with_quota(api, path, pods="1")
    assert api.post(f"{path}/pods?dryRun=All", pod()).code == 201
    assert used(api, path) == {"pods": "0"}


def test_the_standard_of_a_namespace(api: Running) -> None:
    path = space(api, **RESTRICTED)
    refused = api.post(f"{path}/pods", pod())
    assert refused.code == 403
    assert refused.json["message"].startswith(
        'pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "app" must set securityContext.allowPrivilegeEscalation=false), '
    )
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod()["spec"]}
    deployment = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    made = api.post(f"/apis/apps/v1{path.removeprefix('/api/v1')}/deployments", deployment)
    assert made.code == 201, made.body
    assert 'would violate PodSecurity \\"restricted:latest\\"' in made.headers["Warning"]


def test_namespaces(api: Running) -> None:
    missing = api.post("/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "x"}})
    assert (missing.code, missing.json["message"]) == (404, 'namespaces "nowhere" not found')
    kept = api.delete("/api/v1/namespaces/default")
    assert (kept.code, kept.json["message"]) == (
        403,
        'namespaces "default" is forbidden: this namespace may not be deleted',
    )
    path = space(api)
    api.delete(path)
    refused = api.post(f"{path}/configmaps", {"metadata": {"name": "x"}})
    assert (refused.code, refused.json["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")


def test_what_would_violate_a_standard_comes_into_the_audit_log(api: Running) -> None:
    path = space(api, **{"pod-security.kubernetes.io/audit": "baseline"})
    assert api.post(f"{path}/pods", pod(hostPID=True)).code == 201
    until(lambda: any(path in entry.uri and entry.notes for entry in ENTRIES))
    entry = next(entry for entry in ENTRIES if path in entry.uri and entry.notes)
    annotations = event_of(entry, "id")["annotations"]
    assert annotations["pod-security.kubernetes.io/enforce-policy"] == "privileged:latest"
    assert annotations["pod-security.kubernetes.io/audit-violations"] == (
        'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)'
    )
