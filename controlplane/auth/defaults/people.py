# SPDX-License-Identifier: Apache-2.0
"""Roles that people are given: cluster-admin, and admin, edit and view, each of which contains the next."""

from typing import Final

from controlplane.auth.defaults.build import READ, WRITE, cluster_role, may
from controlplane.auth.rbac import GROUP
from controlplane.auth.rules import FULL

_WORKLOADS: Final = (
    "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale"
)
_WORKLOADS_STATUS: Final = "daemonsets/status deployments/status replicasets/status statefulsets/status"
_STREAMS: Final = "pods/attach pods/exec pods/portforward pods/proxy"

# What view reads: nothing that holds a secret, and no roles (they would show how to get more).
_VIEW: Final = (
    may(
        READ,
        "bindings configmaps endpoints events limitranges namespaces namespaces/status persistentvolumeclaims "
        "persistentvolumeclaims/status pods pods/log pods/status replicationcontrollers "
        "replicationcontrollers/scale replicationcontrollers/status resourcequotas resourcequotas/status "
        "serviceaccounts services services/status",
    ),
    may(READ, "events", "events.k8s.io"),
    may(READ, "endpointslices", "discovery.k8s.io"),
    may(READ, f"controllerrevisions {_WORKLOADS} {_WORKLOADS_STATUS}", "apps"),
    may(READ, "horizontalpodautoscalers horizontalpodautoscalers/status", "autoscaling"),
    may(READ, "cronjobs cronjobs/status jobs jobs/status", "batch"),
    may(READ, "poddisruptionbudgets poddisruptionbudgets/status", "policy"),
    may(READ, "ingresses ingresses/status networkpolicies", "networking.k8s.io"),
)

_EDIT: Final = (
    may(READ, f"{_STREAMS} secrets services/proxy"),
    may("impersonate", "serviceaccounts"),
    may(WRITE, f"pods {_STREAMS}"),
    may("create", "pods/eviction serviceaccounts/token"),
    may(
        WRITE,
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
        "serviceaccounts services services/proxy",
    ),
    may(WRITE, f"{_WORKLOADS} deployments/rollback", "apps"),
    may(WRITE, "horizontalpodautoscalers", "autoscaling"),
    may(WRITE, "cronjobs jobs", "batch"),
    may(WRITE, "poddisruptionbudgets", "policy"),
    may(WRITE, "ingresses networkpolicies", "networking.k8s.io"),
)

_ADMIN: Final = (
    may("create", "localsubjectaccessreviews", "authorization.k8s.io"),
    may(f"{READ} {WRITE}", "rolebindings roles", GROUP),
)

ROLES: Final = (
    cluster_role("cluster-admin", FULL),
    cluster_role("admin", sums="admin"),
    cluster_role("edit", labels="admin", sums="edit"),
    cluster_role("view", labels="edit", sums="view"),
    cluster_role("system:aggregate-to-admin", _ADMIN, labels="admin"),
    cluster_role("system:aggregate-to-edit", _EDIT, labels="edit"),
    cluster_role("system:aggregate-to-view", _VIEW, labels="view"),
)
