# SPDX-License-Identifier: Apache-2.0
"""Roles of nodes: what the Node authorizer lets them do beside it, how they join, and how their certificates come.

Node proxies and routes run inside `orlop node` with the node's own certificate, so the group of nodes has the role of
proxies too. Any valid bootstrap token may ask for a node's first certificate, which is then approved by the rules of
controlplane.auth.csr.
"""

from typing import Final

from controlplane.auth.defaults.build import (
    READ,
    WATCH,
    cluster_binding,
    cluster_role,
    events,
    group,
    may,
    user,
)
from controlplane.auth.names import BOOTSTRAPPERS, NODES
from controlplane.auth.rules import Rule

_CERTIFICATES: Final = "certificates.k8s.io"
_CSR: Final = "certificatesigningrequests"
_SIGNER: Final = "kubernetes.io/"

# Every node's, whatever runs on it; what depends on the node's pods is decided in controlplane.auth.node.
NODE_RULES: Final[tuple[Rule, ...]] = (
    may("create", "tokenreviews", "authentication.k8s.io"),
    may("create", "localsubjectaccessreviews subjectaccessreviews", "authorization.k8s.io"),
    may(READ, "services"),
    may("create get list watch", "nodes"),
    may("patch update", "nodes/status nodes"),
    may("delete", "nodes"),
    events(),
    may("create delete", "pods"),
    may("patch update", "pods/status"),
    may("create", "pods/eviction"),
    may(f"create {READ}", _CSR, _CERTIFICATES),
    may(READ, "csidrivers", "storage.k8s.io"),
    may(READ, "runtimeclasses", "node.k8s.io"),
)

# The role system:node has these too, for clusters whose nodes are authorized by RBAC alone: it is bound to nobody.
_NODE_ROLE: Final = (
    *NODE_RULES,
    may(READ, "configmaps pods secrets"),
    may("get", "persistentvolumeclaims persistentvolumes"),
    may("create", "serviceaccounts/token"),
    may("create delete get patch update", "leases", "coordination.k8s.io"),
    may("get", "volumeattachments", "storage.k8s.io"),
    may("create delete get patch update", "csinodes", "storage.k8s.io"),
)


def _approver(signer: str) -> tuple[Rule, ...]:
    return (may("approve", "signers", _CERTIFICATES, _SIGNER + signer),)


ROLES: Final = (
    cluster_role("system:node", _NODE_ROLE),
    cluster_role("system:node-bootstrapper", (may(f"create {READ}", _CSR, _CERTIFICATES),)),
    cluster_role(
        "system:node-proxier",
        (
            may(READ, "nodes"),
            may(WATCH, "endpoints services"),
            may(WATCH, "endpointslices", "discovery.k8s.io"),
            may(WATCH, "networkpolicies", "networking.k8s.io"),
            may(WATCH, "namespaces"),
            events(),
        ),
    ),
    cluster_role(
        "system:node-problem-detector", (may("get", "nodes"), may("patch", "nodes/status"), events())
    ),
    cluster_role(
        f"system:certificates.k8s.io:{_CSR}:nodeclient", (may("create", f"{_CSR}/nodeclient", _CERTIFICATES),)
    ),
    cluster_role(
        f"system:certificates.k8s.io:{_CSR}:selfnodeclient",
        (may("create", f"{_CSR}/selfnodeclient", _CERTIFICATES),),
    ),
    cluster_role(
        "system:certificates.k8s.io:kube-apiserver-client-approver", _approver("kube-apiserver-client")
    ),
    cluster_role(
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        _approver("kube-apiserver-client-kubelet"),
    ),
    cluster_role("system:certificates.k8s.io:kubelet-serving-approver", _approver("kubelet-serving")),
)

BINDINGS: Final = (
    cluster_binding("system:node-proxier", "system:node-proxier", user("system:kube-proxy")),
    cluster_binding("orlop:node-proxier", "system:node-proxier", group(NODES)),
    cluster_binding("orlop:node-bootstrapper", "system:node-bootstrapper", group(BOOTSTRAPPERS)),
    cluster_binding(
        "orlop:node-first-certificate",
        f"system:certificates.k8s.io:{_CSR}:nodeclient",
        group(BOOTSTRAPPERS),
    ),
    cluster_binding(
        "orlop:node-next-certificate", f"system:certificates.k8s.io:{_CSR}:selfnodeclient", group(NODES)
    ),
)
