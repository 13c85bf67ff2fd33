# SPDX-License-Identifier: Apache-2.0
"""Service."""

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, WIDE, computed, text
from controlplane.registry.core.service_strategy import ServiceStrategy
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE, UNKNOWN, joined, labels, load_balancer
from controlplane.registry.resource import Subresource


def _external(service: Json) -> str:
    """Where a Service is reached from outside, which depends on its type."""
    external = items(service, "spec", "externalIPs")
    match look(service, "spec", "type"):
        case "ClusterIP" | "NodePort":
            return joined(external)
        case "LoadBalancer":
            given = load_balancer(items(service, "status", "loadBalancer", "ingress"))
            return joined([*([given] if given else []), *external], empty="<pending>")
        case "ExternalName":
            return str(look(service, "spec", "externalName", default=""))
    return UNKNOWN


def _ports(service: Json) -> str:
    return joined(_port(port) for port in items(service, "spec", "ports"))


def _port(port: Json) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol', '')}"


RESOURCE = derive(
    core_v1.Service,
    short_names=("svc",),
    categories=("all",),
    subresources=(
        Subresource("proxy", ("create", "delete", "get", "patch", "update"), "ServiceProxyOptions", "", "v1"),
    ),
    columns=(
        NAME,
        text("Type", "spec", "type", empty=""),
        computed("Cluster-IP", lambda service: look(service, "spec", "clusterIP", default="") or NONE),
        computed("External-IP", _external),
        computed("Port(s)", _ports),
        AGE,
        computed("Selector", lambda service: labels(mapping(service, "spec", "selector")), priority=WIDE),
    ),
    strategy=ServiceStrategy(),
)
