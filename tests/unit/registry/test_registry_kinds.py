# SPDX-License-Identifier: Apache-2.0
"""Every kind is registered under the names that clients know, and with its subresources."""

import pytest

from controlplane.registry import RESOURCES, default_registry
from controlplane.registry.resource import ALL_VERBS
from tests.support.minimal_objects import CLUSTER_SCOPED, STORED, Key

ALL = "all"
CREATE = ("create",)
STATUS = ("status",)
SCALE = ("scale", "status")
RBAC = "rbac.authorization.k8s.io"

# group/version, plural, kind, short names, categories, subresources
KINDS = [
    ("v1", "bindings", "Binding", "", "", ()),
    ("v1", "configmaps", "ConfigMap", "cm", "", ()),
    ("v1", "endpoints", "Endpoints", "ep", "", ()),
    ("v1", "events", "Event", "ev", "", ()),
    ("v1", "limitranges", "LimitRange", "limits", "", ()),
    ("v1", "namespaces", "Namespace", "ns", "", ("finalize", "status")),
    ("v1", "nodes", "Node", "no", "", ("proxy", "status")),
    ("v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", "", STATUS),
    ("v1", "persistentvolumes", "PersistentVolume", "pv", "", STATUS),
    (
        "v1",
        "pods",
        "Pod",
        "po",
        ALL,
        (
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "proxy",
            "resize",
            "status",
        ),
    ),
    ("v1", "podtemplates", "PodTemplate", "", "", ()),
    ("v1", "replicationcontrollers", "ReplicationController", "rc", ALL, SCALE),
    ("v1", "resourcequotas", "ResourceQuota", "quota", "", STATUS),
    ("v1", "secrets", "Secret", "", "", ()),
    ("v1", "serviceaccounts", "ServiceAccount", "sa", "", ("token",)),
    ("v1", "services", "Service", "svc", ALL, ("proxy", "status")),
    ("apps/v1", "controllerrevisions", "ControllerRevision", "", "", ()),
    ("apps/v1", "daemonsets", "DaemonSet", "ds", ALL, STATUS),
    ("apps/v1", "deployments", "Deployment", "deploy", ALL, SCALE),
    ("apps/v1", "replicasets", "ReplicaSet", "rs", ALL, SCALE),
    ("apps/v1", "statefulsets", "StatefulSet", "sts", ALL, SCALE),
    ("events.k8s.io/v1", "events", "Event", "ev", "", ()),
    ("authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview", "", "", ()),
    ("authentication.k8s.io/v1", "tokenreviews", "TokenReview", "", "", ()),
    ("authorization.k8s.io/v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", "", "", ()),
    ("authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "", "", ()),
    ("authorization.k8s.io/v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", "", "", ()),
    ("authorization.k8s.io/v1", "subjectaccessreviews", "SubjectAccessReview", "", "", ()),
    ("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", ALL, STATUS),
    ("autoscaling/v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", ALL, STATUS),
    ("batch/v1", "cronjobs", "CronJob", "cj", ALL, STATUS),
    ("batch/v1", "jobs", "Job", "", ALL, STATUS),
    (
        "certificates.k8s.io/v1",
        "certificatesigningrequests",
        "CertificateSigningRequest",
        "csr",
        "",
        ("approval", "status"),
    ),
    ("networking.k8s.io/v1", "ingressclasses", "IngressClass", "", "", ()),
    ("networking.k8s.io/v1", "ingresses", "Ingress", "ing", "", STATUS),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", "netpol", "", ()),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", "", STATUS),
    (f"{RBAC}/v1", "clusterrolebindings", "ClusterRoleBinding", "", "", ()),
    (f"{RBAC}/v1", "clusterroles", "ClusterRole", "", "", ()),
    (f"{RBAC}/v1", "rolebindings", "RoleBinding", "", "", ()),
    (f"{RBAC}/v1", "roles", "Role", "", "", ()),
    ("storage.k8s.io/v1", "csidrivers", "CSIDriver", "", "", ()),
    ("storage.k8s.io/v1", "csinodes", "CSINode", "", "", STATUS),
    ("storage.k8s.io/v1", "csistoragecapacities", "CSIStorageCapacity", "", "", ()),
    ("storage.k8s.io/v1", "storageclasses", "StorageClass", "sc", "", ()),
    ("storage.k8s.io/v1", "volumeattachments", "VolumeAttachment", "", "", STATUS),
    ("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", "pc", "", ()),
    ("coordination.k8s.io/v1", "leases", "Lease", "", "", ()),
    ("node.k8s.io/v1", "runtimeclasses", "RuntimeClass", "", "", ()),
    ("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", "", "", ()),
    (
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd crds",
        "api-extensions",
        (),
    ),
]


def test_the_list_is_complete_and_in_the_order_of_discovery() -> None:
    assert [(r.api_version, r.plural) for r in RESOURCES] == [
        (version, plural) for version, plural, *_ in KINDS
    ]


@pytest.mark.parametrize(("api_version", "plural", "kind", "short", "category", "subresources"), KINDS)
def test_a_kind_has_its_names(
    api_version: str, plural: str, kind: str, short: str, category: str, subresources: tuple[str, ...]
) -> None:
    group, _, version = api_version.rpartition("/")
    found = default_registry().find(group, version, plural)
    assert found is not None
    assert (found.kind, found.singular) == (kind, kind.lower())
    assert found.short_names == tuple(short.split())
    assert found.categories == ((category,) if category else ())
    assert tuple(s.name for s in found.subresources) == subresources
    assert found.model.__name__ == kind
    is_cluster = plural in {*CLUSTER_SCOPED, "customresourcedefinitions"}
    is_cluster |= plural.endswith("reviews") and "local" not in plural
    assert found.namespaced is not is_cluster


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: f"{r.api_version}/{r.plural}")
def test_verbs(resource) -> None:  # type: ignore[no-untyped-def]
    key: Key = (resource.group, resource.version, resource.plural)
    if resource.plural == "customresourcedefinitions":
        assert resource.verbs == ("get", "list", "watch")
    elif key not in STORED:
        assert resource.verbs == CREATE
    elif resource.plural == "namespaces":
        assert set(resource.verbs) == {*ALL_VERBS} - {"deletecollection"}
    else:
        assert resource.verbs == ALL_VERBS


def test_subresources_of_pods_say_whose_bodies_they_take() -> None:
    pods = default_registry().find("", "v1", "pods")
    assert pods is not None
    found = {s.name: (s.group, s.version, s.kind, s.verbs) for s in pods.subresources}
    assert found["binding"] == ("", "v1", "Binding", ("create",))
    assert found["eviction"] == ("policy", "v1", "Eviction", ("create",))
    assert found["exec"] == ("", "v1", "PodExecOptions", ("create", "get"))
    assert found["status"] == ("", "", "", ("get", "patch", "update"))


def test_scale_is_autoscaling_v1() -> None:
    deployments = default_registry().find("apps", "v1", "deployments")
    assert deployments is not None
    scale = next(s for s in deployments.subresources if s.name == "scale")
    assert (scale.group, scale.version, scale.kind) == ("autoscaling", "v1", "Scale")
    assert deployments.scale is not None


def test_groups_with_their_preferred_version() -> None:
    registry = default_registry()
    assert [group.name for group in registry.groups][:3] == ["", "apps", "events.k8s.io"]
    autoscaling = registry.group("autoscaling")
    assert autoscaling is not None
    assert (autoscaling.preferred, autoscaling.versions) == ("v2", ("v2", "v1"))
    assert [r.plural for r in registry.of_version("apps", "v1")] == [
        "controllerrevisions",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
    ]
    preferred = registry.preferred("autoscaling", "horizontalpodautoscalers")
    assert preferred is not None
    assert preferred.version == "v2"


def test_two_groups_share_one_store() -> None:
    registry = default_registry()
    core, new = registry.find("", "v1", "events"), registry.find("events.k8s.io", "v1", "events")
    assert core is not None
    assert new is not None
    assert core.storage_prefix == new.storage_prefix == "/core/events/"
    stored = registry.stored()
    assert core in stored
    assert new not in stored
    # Two are told twice, and CustomResourceDefinitions cannot be written.
    assert len(stored) == len(STORED) - 2 + 1
