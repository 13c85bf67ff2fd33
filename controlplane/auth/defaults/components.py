# SPDX-License-Identifier: Apache-2.0
"""The scheduler's and the controller manager's own roles (the controllers' are in controllers.py)."""

from typing import Final

from controlplane.auth.defaults.build import (
    READ,
    WATCH,
    account,
    binding,
    cluster_binding,
    cluster_role,
    events,
    may,
    role,
    user,
)
from controlplane.auth.rules import Rule

SCHEDULER: Final = "system:kube-scheduler"
MANAGER: Final = "system:kube-controller-manager"


def _election(name: str) -> tuple[Rule, ...]:
    """Leading by Lease."""
    coordination = "coordination.k8s.io"
    return (
        may("create list watch", "leases", coordination),
        may("get update patch", "leases", coordination, name),
    )


def _delegation() -> tuple[Rule, ...]:
    """Asking who a caller is and what it may."""
    return (
        may("create", "tokenreviews", "authentication.k8s.io"),
        may("create", "subjectaccessreviews", "authorization.k8s.io"),
    )


_SCHEDULER_RULES: Final = (
    *_election("kube-scheduler"),
    *_delegation(),
    events(),
    may(READ, "namespaces nodes persistentvolumeclaims persistentvolumes replicationcontrollers services"),
    may("delete get list watch", "pods"),
    may("create", "bindings pods/binding"),
    may("patch update", "pods/status"),
    may(READ, "replicasets statefulsets", "apps"),
    may(READ, "poddisruptionbudgets", "policy"),
    may(READ, "csidrivers csinodes csistoragecapacities storageclasses volumeattachments", "storage.k8s.io"),
    may(READ, "priorityclasses", "scheduling.k8s.io"),
)

_MANAGER_RULES: Final = (
    *_election("kube-controller-manager"),
    *_delegation(),
    events(),
    may("create get update", "secrets serviceaccounts"),
    may("delete", "secrets"),
    may("create", "serviceaccounts/token"),
    may("get", "configmaps namespaces"),
    may(WATCH, "*", "*"),
)

ROLES: Final = (
    cluster_role(SCHEDULER, _SCHEDULER_RULES),
    cluster_role(MANAGER, _MANAGER_RULES),
    cluster_role(
        "system:volume-scheduler",
        (
            may("get list patch update watch", "persistentvolumes persistentvolumeclaims"),
            may(READ, "storageclasses", "storage.k8s.io"),
        ),
    ),
    role(
        "kube-system",
        "extension-apiserver-authentication-reader",
        (may(READ, "configmaps", names="extension-apiserver-authentication"),),
    ),
    role(
        "kube-system", "system:controller:token-cleaner", (may("delete get list watch", "secrets"), events())
    ),
    role("kube-system", "system:controller:bootstrap-signer", (may(READ, "secrets"),)),
    role(
        "kube-public",
        "system:controller:bootstrap-signer",
        (may(READ, "configmaps"), may("patch update", "configmaps", names="cluster-info"), events()),
    ),
)

BINDINGS: Final = (
    cluster_binding(SCHEDULER, SCHEDULER, user(SCHEDULER)),
    cluster_binding("system:volume-scheduler", "system:volume-scheduler", user(SCHEDULER)),
    cluster_binding(MANAGER, MANAGER, user(MANAGER)),
    binding("kube-system", "extension-apiserver-authentication-reader", user(MANAGER), user(SCHEDULER)),
    binding(
        "kube-system",
        "system:controller:token-cleaner",
        account("kube-system", "token-cleaner"),
        user(MANAGER),
    ),
    binding(
        "kube-system",
        "system:controller:bootstrap-signer",
        account("kube-system", "bootstrap-signer"),
        user(MANAGER),
    ),
    binding(
        "kube-public",
        "system:controller:bootstrap-signer",
        account("kube-system", "bootstrap-signer"),
        user(MANAGER),
    ),
)
