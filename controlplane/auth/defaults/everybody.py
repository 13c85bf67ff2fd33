# SPDX-License-Identifier: Apache-2.0
"""What every user may do, and roles for programs that look after a cluster."""

from typing import Final

from controlplane.auth.defaults.build import READ, WATCH, cluster_binding, cluster_role, group, may, may_urls
from controlplane.auth.names import AUTHENTICATED, MASTERS, SERVICE_ACCOUNTS, UNAUTHENTICATED

_HEALTH: Final = "/healthz /livez /readyz"
_AUTHENTICATION: Final = "authentication.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"

ROLES: Final = (
    cluster_role(
        "system:basic-user",
        (
            may("create", "selfsubjectaccessreviews selfsubjectrulesreviews", _AUTHORIZATION),
            may("create", "selfsubjectreviews", _AUTHENTICATION),
        ),
    ),
    cluster_role(
        "system:discovery",
        (may_urls("get", f"/api /api/* /apis /apis/* {_HEALTH} /openapi /openapi/* /version /version/"),),
    ),
    cluster_role("system:public-info-viewer", (may_urls("get", f"{_HEALTH} /version /version/"),)),
    cluster_role(
        "system:monitoring",
        (may_urls("get", f"{_HEALTH} /healthz/* /livez/* /readyz/* /metrics /metrics/slis"),),
    ),
    cluster_role(
        "system:service-account-issuer-discovery",
        (
            may_urls(
                "get", "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks"
            ),
        ),
    ),
    cluster_role(
        "system:auth-delegator",
        (
            may("create", "tokenreviews", _AUTHENTICATION),
            may("create", "subjectaccessreviews", _AUTHORIZATION),
        ),
    ),
    cluster_role(
        "system:kube-dns",
        (may(WATCH, "endpoints services"), may(WATCH, "endpointslices", "discovery.k8s.io")),
    ),
    cluster_role(
        "system:kubelet-api-admin",
        (
            may(READ, "nodes"),
            may(
                "*", "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats"
            ),
        ),
    ),
)

BINDINGS: Final = (
    cluster_binding("cluster-admin", "cluster-admin", group(MASTERS)),
    cluster_binding("system:basic-user", "system:basic-user", group(AUTHENTICATED)),
    cluster_binding("system:discovery", "system:discovery", group(AUTHENTICATED)),
    cluster_binding(
        "system:public-info-viewer", "system:public-info-viewer", group(AUTHENTICATED), group(UNAUTHENTICATED)
    ),
    cluster_binding("system:monitoring", "system:monitoring", group("system:monitoring")),
    cluster_binding(
        "system:service-account-issuer-discovery",
        "system:service-account-issuer-discovery",
        group(SERVICE_ACCOUNTS),
    ),
)
