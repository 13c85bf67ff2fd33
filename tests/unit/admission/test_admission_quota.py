# SPDX-License-Identifier: Apache-2.0
"""ResourceQuota: what counts, whom a scope is about, the exact refusals."""

from datetime import UTC, datetime

import pytest

from controlplane.admission.quota.names import resource_of
from controlplane.admission.quota.recount import recount, tracked
from controlplane.admission.quota.usage import usage
from controlplane.admission.resource_quota import ResourceQuota
from controlplane.request import Operation
from tests.support.admission import FakeCluster, admitted, container, core, named, pod, refusal, request

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def quota(hard, used=None, name="compute", **spec):
    status = {"hard": hard, "used": used if used is not None else dict.fromkeys(hard, "0")}
    return named(name, "shop", spec={"hard": hard, **spec}, status=status)


def plugin(*quotas, tries=30):
    store = core("resourcequotas", quotas)
    return ResourceQuota(store, store, now=lambda: NOW, tries=tries)


def sized(name="app", **amounts):
    """cpu="1" is a request, limits_cpu="1" a limit."""
    requests = {key: value for key, value in amounts.items() if not key.startswith("limits_")}
    limits = {
        key.removeprefix("limits_"): value for key, value in amounts.items() if key.startswith("limits_")
    }
    return container(name, resources={"requests": requests, "limits": limits})


def used_after(store: FakeCluster, name="compute"):
    return store._objects["", "resourcequotas", "shop", name]["status"]["used"]


@pytest.mark.parametrize(
    ("made", "quotas", "why"),
    [
        (
            pod(),
            [quota({"pods": "2"}, {"pods": "2"})],
            "exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2",
        ),
        (
            pod(containers=[sized(cpu="600m", memory="1Gi")]),
            [
                quota(
                    {"requests.cpu": "1", "requests.memory": "1Gi", "pods": "9"},
                    {"requests.cpu": "500m", "requests.memory": "512Mi", "pods": "1"},
                )
            ],
            "exceeded quota: compute, requested: requests.cpu=600m,requests.memory=1Gi, "
            "used: requests.cpu=500m,requests.memory=512Mi, limited: requests.cpu=1,requests.memory=1Gi",
        ),
        (
            pod(),
            [quota({"limits.cpu": "1", "limits.memory": "1Gi"})],
            "failed quota: compute: must specify limits.cpu for: app; limits.memory for: app",
        ),
        (
            pod(containers=[container("b"), container("a"), sized("c", cpu="1")]),
            [quota({"cpu": "9"})],
            "failed quota: compute: must specify cpu for: a,b",
        ),
        (
            pod(),
            [quota({"pods": "2", "services": "1"}, {})],
            "status unknown for quota: compute, resources: pods",
        ),
        (pod(), [quota({"pods": "1"}), quota({"pods": "0"}, name="zero")], "exceeded quota: zero, requested: "
         "pods=1, used: pods=0, limited: pods=0"),
        (pod(), [quota({"services": "0"})], ""),
        (pod(namespace="other"), [quota({"pods": "0"})], ""),
        (pod(resources={"requests": {"cpu": "1"}}), [quota({"cpu": "1"})], ""),
        (
            pod(containers=[sized(**{"x.io/gpu": "2"})]),
            [quota({"requests.x.io/gpu": "1"})],
            "exceeded quota: compute, requested: requests.x.io/gpu=2, used: requests.x.io/gpu=0, "
            "limited: requests.x.io/gpu=1",
        ),
    ],
)  # fmt: skip
def test_pods(made, quotas, why) -> None:
    told = f'pods "web" is forbidden: {why}' if why else ""
    assert refusal(plugin(*quotas), request(made)) == told


def service(kind="ClusterIP", ports=1, **spec):
    return named("cart", "shop", spec={"type": kind, "ports": [{"port": n} for n in range(ports)], **spec})


def claim(storage, storage_class="fast"):
    return named(
        "data",
        "shop",
        spec={"resources": {"requests": {"storage": storage}}, "storageClassName": storage_class},
    )


@pytest.mark.parametrize(
    ("resource", "group", "new", "old", "hard", "counted"),
    [
        ("services", "", service("NodePort", 2), None, "services.nodeports", "2"),
        ("services", "", service("LoadBalancer", 2), None, "services.nodeports", "2"),
        (
            "services",
            "",
            service("LoadBalancer", 2, allocateLoadBalancerNodePorts=False),
            None,
            "services.nodeports",
            "0",
        ),
        ("services", "", service("LoadBalancer"), service(), "services.loadbalancers", "1"),
        ("services", "", service(), service("NodePort"), "services.nodeports", "0"),
        ("services", "", service("NodePort", 3), service("NodePort", 1), "services.nodeports", "2"),
        ("services", "", service(), service(), "services", "0"),
        ("persistentvolumeclaims", "", claim("2Gi"), None, "requests.storage", "2Gi"),
        ("persistentvolumeclaims", "", claim("5Gi"), claim("2Gi"), "requests.storage", "3Gi"),
        (
            "persistentvolumeclaims",
            "",
            claim("2Gi"),
            None,
            "fast.storageclass.storage.k8s.io/requests.storage",
            "2Gi",
        ),
        (
            "persistentvolumeclaims",
            "",
            claim("2Gi", "slow"),
            None,
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims",
            "0",
        ),
        ("configmaps", "", named("c", "shop"), None, "configmaps", "1"),
        ("configmaps", "", named("c", "shop"), None, "count/configmaps", "1"),
        ("configmaps", "", named("c", "shop"), named("c", "shop"), "configmaps", "0"),
        ("deployments", "apps", named("d", "shop"), None, "count/deployments.apps", "1"),
        ("events", "", named("e", "shop"), None, "count/events", "0"),
    ],
)
def test_what_other_kinds_take(resource, group, new, old, hard, counted) -> None:
    store = core("resourcequotas", [quota({hard: "100Gi"})])
    admitted(ResourceQuota(store, store, now=lambda: NOW), request(new, resource, group=group, old=old))
    assert used_after(store) == {hard: counted}


PODS_BY_SCOPE = {
    "best effort": {},
    "burstable": {"containers": [sized(cpu="1")]},
    "deadline": {"activeDeadlineSeconds": 60},
    "high": {"priorityClassName": "high"},
    "crossing": {
        "affinity": {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaceSelector": {}}]}
        }
    },
}


def in_classes(operator, *values):
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": list(values)}
    return {"scopeSelector": {"matchExpressions": [expression]}}


@pytest.mark.parametrize(
    ("scopes", "inside"),
    [
        ({"scopes": ["BestEffort"]}, {"best effort", "deadline", "high", "crossing"}),
        ({"scopes": ["NotBestEffort"]}, {"burstable"}),
        ({"scopes": ["Terminating"]}, {"deadline"}),
        ({"scopes": ["NotTerminating"]}, {"best effort", "burstable", "high", "crossing"}),
        ({"scopes": ["Terminating", "NotBestEffort"]}, set()),
        ({"scopes": ["PriorityClass"]}, {"high"}),
        ({"scopes": ["CrossNamespacePodAffinity"]}, {"crossing"}),
        (in_classes("In", "high", "x"), {"high"}),
        (in_classes("In", "x"), set()),
        (in_classes("NotIn", "x"), set(PODS_BY_SCOPE)),
        (in_classes("NotIn", "high"), set(PODS_BY_SCOPE) - {"high"}),
        (in_classes("DoesNotExist"), set(PODS_BY_SCOPE) - {"high"}),
        ({"scopes": ["VolumeAttributesClass"]}, set()),
        ({}, set(PODS_BY_SCOPE)),
    ],
)
def test_scopes(scopes, inside) -> None:
    refusing = plugin(quota({"pods": "0"}, **scopes))
    refused = {name for name, spec in PODS_BY_SCOPE.items() if refusal(refusing, request(pod(**spec)))}
    assert refused == inside


def test_a_scoped_quota_is_about_pods_only() -> None:
    refusing = plugin(quota({"services": "0"}, scopes=["NotTerminating"]))
    assert refusal(refusing, request(service(), "services")) == ""


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("cpu", ("", "pods")),
        ("limits.ephemeral-storage", ("", "pods")),
        ("hugepages-2Mi", ("", "pods")),
        ("requests.hugepages-2Mi", ("", "pods")),
        ("requests.nvidia.com/gpu", ("", "pods")),
        ("limits.nvidia.com/gpu", None),
        ("services.nodeports", ("", "services")),
        ("requests.storage", ("", "persistentvolumeclaims")),
        ("gold.storageclass.storage.k8s.io/requests.storage", ("", "persistentvolumeclaims")),
        ("count/jobs.batch", ("batch", "jobs")),
        ("count/ingresses.networking.k8s.io", ("networking.k8s.io", "ingresses")),
        ("count/secrets", ("", "secrets")),
        ("nonsense", None),
    ],
)
def test_names(name, resource) -> None:
    assert resource_of(name) == resource


def test_what_a_pod_counts_for() -> None:
    spec = {
        "containers": [sized(cpu="1", memory="1Gi", limits_cpu="2"), sized("b", cpu="500m")],
        "initContainers": [sized("init", cpu="4", limits_cpu="4")],
        "overhead": {"cpu": "100m", "memory": "8Mi"},
    }
    amounts = {name: str(amount) for name, amount in usage(("", "pods"), pod(**spec), NOW).items()}
    assert amounts == {
        "pods": "1",
        "count/pods": "1",
        "cpu": "4100m",
        "requests.cpu": "4100m",
        "memory": "1032Mi",
        "requests.memory": "1032Mi",
        "limits.cpu": "4100m",
    }


def with_status(made, **status):
    return {**made, "status": status}


def deleted(seconds_ago, grace):
    stamp = datetime.fromtimestamp(NOW.timestamp() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return pod(metadata={"deletionTimestamp": stamp, "deletionGracePeriodSeconds": grace})


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        (pod(), True),
        (with_status(pod(), phase="Running"), True),
        (with_status(pod(), phase="Succeeded"), False),
        (with_status(pod(), phase="Failed"), False),
        (deleted(10, 30), True),
        (deleted(31, 30), False),
    ],
)
def test_pods_that_are_over_only_count_as_objects(made, counts) -> None:
    assert ("pods" in usage(("", "pods"), made, NOW)) is counts
    assert "count/pods" in usage(("", "pods"), made, NOW)


def test_recount() -> None:
    hard = {"pods": "9", "requests.cpu": "4", "count/deployments.apps": "3", "nonsense": "1"}
    quotas = named("compute", "shop", spec={"hard": hard, "scopes": []})
    assert tracked(quotas) == {("", "pods"), ("apps", "deployments")}
    running = [pod(containers=[sized(cpu="250m")]), pod("b", containers=[sized(cpu="250m")])]
    objects = {
        ("", "pods"): [*running, with_status(pod("c"), phase="Failed")],
        ("apps", "deployments"): [named("d", "shop")],
    }
    status = recount(quotas, objects, NOW)
    assert status == {
        "hard": hard,
        "used": {"count/deployments.apps": "1", "pods": "2", "requests.cpu": "500m"},
    }


def test_a_resize_takes_the_difference() -> None:
    store = core("resourcequotas", [quota({"requests.cpu": "2"}, {"requests.cpu": "1"})])
    limiting = ResourceQuota(store, store, now=lambda: NOW)
    small, big, huge = (pod(containers=[sized(cpu=cpu)]) for cpu in ("1", "2", "3"))
    admitted(limiting, request(big, old=small, subresource="resize"))
    assert used_after(store) == {"requests.cpu": "2"}
    assert "exceeded quota" in refusal(limiting, request(huge, old=big, subresource="resize"))
    assert refusal(limiting, request(huge, old=big)) == ""
    assert refusal(limiting, request(huge, old=big, subresource="status")) == ""


def test_dry_run_checks_and_takes_nothing() -> None:
    store = core("resourcequotas", [quota({"pods": "1"})])
    limiting = ResourceQuota(store, store, now=lambda: NOW)
    for _ in range(3):
        admitted(limiting, request(pod(), dry_run=True))
    assert used_after(store) == {"pods": "0"}
    admitted(limiting, request(pod()))
    assert "exceeded quota" in refusal(limiting, request(pod(), dry_run=True))


def test_deleting_is_free() -> None:
    assert refusal(plugin(quota({"pods": "0"})), request(None, old=pod(), operation=Operation.DELETE)) == ""


def test_others_that_never_let_us_write_are_told() -> None:
    class Contended(FakeCluster):
        async def update_status(self, group, plural, obj):
            self.put(group, plural, self._objects[self._key(group, plural, obj)])
            return await super().update_status(group, plural, obj)

    store = Contended().put("", "resourcequotas", quota({"pods": "1"}))
    message = refusal(ResourceQuota(store, store, tries=3), request(pod()))
    assert message.startswith('Operation cannot be fulfilled on resourcequotas "compute": ')
