# SPDX-License-Identifier: Apache-2.0
"""One ClusterRole a controller: what each may do is told apart, although one process with one certificate runs them.

Each is bound to the service account of that name in kube-system, as elsewhere, and to our controllers' own user.
"""

from typing import Any, Final

from controlplane.auth.defaults.build import (
    READ,
    WATCH,
    account,
    cluster_binding,
    cluster_role,
    events,
    may,
    user,
)
from controlplane.auth.defaults.components import MANAGER
from controlplane.auth.rbac import GROUP
from controlplane.auth.rules import Rule

_PODS: Final = may("create delete get list patch update watch", "pods")
_ENDPOINTS: Final = "create delete get list update watch patch"
_CERTIFICATES: Final = "certificates.k8s.io"
_CSR: Final = "certificatesigningrequests"
_SIGNERS: Final = " ".join(
    f"kubernetes.io/{name}"
    for name in ("kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving")
)


def _manages(resource: str, group: str, also: str = "") -> tuple[Rule, ...]:
    """Of a controller that makes pods for objects of this kind, and keeps revisions where it says so."""
    return (
        may("get list patch update watch", resource, group),
        may("patch update", f"{resource}/status {resource}/finalizers", group),
        *((may("create delete get list patch update watch", also, "apps"),) if also else ()),
        _PODS,
        events(),
    )


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "certificate-controller": (
        may("delete get list watch", _CSR, _CERTIFICATES),
        may("patch update", f"{_CSR}/status {_CSR}/approval", _CERTIFICATES),
        may("approve sign", "signers", _CERTIFICATES, _SIGNERS),
        may("create", "subjectaccessreviews", "authorization.k8s.io"),
        may(READ, "nodes"),
        events(),
    ),
    # It writes sums of rules that others were allowed to write.
    "clusterrole-aggregation-controller": (
        may("escalate get list patch update watch", "clusterroles", GROUP),
    ),
    "cronjob-controller": (
        may("get list patch update watch", "cronjobs", "batch"),
        may("patch update", "cronjobs/status cronjobs/finalizers", "batch"),
        may("create delete get list patch update watch", "jobs", "batch"),
        may("delete list", "pods"),
        events(),
    ),
    "daemon-set-controller": (*_manages("daemonsets", "apps", "controllerrevisions"), may(READ, "nodes")),
    "deployment-controller": _manages("deployments", "apps", "replicasets"),
    "disruption-controller": (
        may(READ, "pods replicationcontrollers"),
        may(READ, "deployments replicasets statefulsets", "apps"),
        may("get", "deployments/scale replicasets/scale statefulsets/scale", "apps"),
        may(READ, "poddisruptionbudgets", "policy"),
        may("patch update", "poddisruptionbudgets/status", "policy"),
        may("patch update", "pods/status"),
        events(),
    ),
    "endpoint-controller": (
        may(READ, "nodes pods services"),
        may(_ENDPOINTS, "endpoints"),
        may("create", "endpoints/restricted"),
        events(),
    ),
    "endpointslice-controller": (
        may(READ, "nodes pods services"),
        may(_ENDPOINTS, "endpointslices", "discovery.k8s.io"),
        may("create", "endpointslices/restricted", "discovery.k8s.io"),
        may("update", "services/finalizers"),
        events(),
    ),
    "endpointslicemirroring-controller": (
        may(READ, "endpoints services"),
        may(_ENDPOINTS, "endpointslices", "discovery.k8s.io"),
        may("create", "endpointslices/restricted", "discovery.k8s.io"),
        events(),
    ),
    # Owners and owned may be of any kind.
    "generic-garbage-collector": (may("delete get list patch update watch", "*", "*"), events()),
    "horizontal-pod-autoscaler": (
        may(READ, "horizontalpodautoscalers", "autoscaling"),
        may("patch update", "horizontalpodautoscalers/status", "autoscaling"),
        may("get update", "*/scale", "*"),
        may("get list", "*", "metrics.k8s.io custom.metrics.k8s.io external.metrics.k8s.io"),
        may(WATCH, "pods"),
        events(),
    ),
    "job-controller": _manages("jobs", "batch"),
    # Whatever a namespace holds goes with it.
    "namespace-controller": (
        may("delete get list watch", "namespaces"),
        may("patch update", "namespaces/finalize namespaces/status"),
        may("delete deletecollection get list", "*", "*"),
    ),
    "node-controller": (
        may("delete get list patch update watch", "nodes"),
        may("patch update", "nodes/status pods/status"),
        may("delete get list watch", "pods"),
        may(READ, "leases", "coordination.k8s.io"),
        events(),
    ),
    "pod-garbage-collector": (
        may("delete list watch", "pods"),
        may(READ, "nodes"),
        may("patch update", "pods/status"),
    ),
    "pvc-protection-controller": (
        may("get list patch update watch", "persistentvolumeclaims"),
        may(READ, "pods"),
        events(),
    ),
    "replicaset-controller": _manages("replicasets", "apps"),
    "replication-controller": _manages("replicationcontrollers", "core"),
    "resourcequota-controller": (
        may(WATCH, "*", "*"),
        may("patch update", "resourcequotas/status"),
        events(),
    ),
    "root-ca-cert-publisher": (
        may("create get list patch update watch", "configmaps"),
        may(READ, "namespaces"),
        events(),
    ),
    "service-account-controller": (
        may("create get list watch", "serviceaccounts"),
        may(READ, "namespaces"),
        events(),
    ),
    "statefulset-controller": (
        *_manages("statefulsets", "apps", "controllerrevisions"),
        may("create delete get list patch update watch", "persistentvolumeclaims"),
    ),
    "ttl-after-finished-controller": (may("delete get list watch", "jobs", "batch"), events()),
}


def _role(name: str, rules: tuple[Rule, ...]) -> dict[str, Any]:
    return cluster_role(f"system:controller:{name}", rules)


def _binding(name: str) -> dict[str, Any]:
    full = f"system:controller:{name}"
    return cluster_binding(full, full, account("kube-system", name), user(MANAGER))


ROLES: Final = tuple(_role(name, rules) for name, rules in RULES.items())
BINDINGS: Final = tuple(map(_binding, RULES))
