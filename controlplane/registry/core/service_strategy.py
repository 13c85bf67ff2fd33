# SPDX-License-Identifier: Apache-2.0
"""Defaults of a Service, and what an update keeps of what was allocated. Who allocates is elsewhere."""

from collections.abc import Mapping
from typing import ClassVar, Final

from controlplane.registry.core.service_checks import check_cluster_ips_kept, check_service
from controlplane.registry.data import EACH, Defaults, Json, fill, items, look, mapping
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_1035_LABEL

_ALLOCATED: Final = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
_INTERNAL: Final = ("ClusterIP", "NodePort", "LoadBalancer")
_EXTERNAL: Final = ("NodePort", "LoadBalancer")


class ServiceStrategy(KindStrategy):
    """Addresses and node ports are given once and kept through updates that leave them out."""

    name_rule = DNS_1035_LABEL
    creates_on_update = True
    initial_status: ClassVar[Json | None] = {"loadBalancer": {}}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"type": "ClusterIP", "sessionAffinity": "None"}
    defaults: ClassVar[Defaults] = {("spec", "ports", EACH): {"protocol": "TCP"}}

    def set_defaults(self, obj: Json) -> None:
        """By type; the port of the pod is that of the Service."""
        super().set_defaults(obj)
        spec = obj["spec"]
        fill(spec, _by_type(spec))
        for port in items(spec, "ports"):
            if look(port, "targetPort", default=0) in (0, "") and port.get("port"):
                port["targetPort"] = port["port"]
        if spec["sessionAffinity"] == "ClientIP" and not look(spec, "sessionAffinityConfig", "clientIP"):
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
        if spec["sessionAffinity"] == "None":
            spec.pop("sessionAffinityConfig", None)
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]

    def prepare_update(self, obj: Json, old: Json) -> None:
        """What was allocated stays where the type still needs it, and goes where it does not."""
        super().prepare_update(obj, old)
        _drop_for_type(obj["spec"], mapping(old, "spec"))
        _keep_allocated(obj["spec"], mapping(old, "spec"))

    def problems(self, obj: Json) -> Problems:
        """Ports, addresses, types and what goes together."""
        return check_service(mapping(obj, "spec"), ("spec",))

    def changes(self, obj: Json, old: Json) -> Problems:
        """The cluster IP stays."""
        return check_cluster_ips_kept(mapping(obj, "spec"), mapping(old, "spec"))

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By address and type."""
        return {
            "spec.clusterIP": look(obj, "spec", "clusterIP", default=""),
            "spec.type": look(obj, "spec", "type", default=""),
        }


def _by_type(spec: Json) -> Mapping[str, object]:
    found: dict[str, object] = {}
    if spec["type"] in _INTERNAL:
        found["internalTrafficPolicy"] = "Cluster"
    if spec["type"] in _EXTERNAL or (spec["type"] == "ClusterIP" and spec.get("externalIPs")):
        found["externalTrafficPolicy"] = "Cluster"
    if spec["type"] == "LoadBalancer":
        found["allocateLoadBalancerNodePorts"] = True
    return found


def _keep_allocated(spec: Json, old: Json) -> None:
    """A client that sends a manifest again does not give its addresses back."""
    if "ExternalName" in (spec.get("type"), old.get("type")):
        return
    if (not spec.get("clusterIP") and not spec.get("clusterIPs")) or spec.get("clusterIP") == old.get(
        "clusterIP"
    ):
        fill(spec, {name: old[name] for name in _ALLOCATED if old.get(name)})
    if spec.get("type") in _EXTERNAL and old.get("type") in _EXTERNAL:
        _keep_node_ports(spec, old)
        if _needs_health_port(spec) and _needs_health_port(old) and old.get("healthCheckNodePort"):
            fill(spec, {"healthCheckNodePort": old["healthCheckNodePort"]})


def _keep_node_ports(spec: Json, old: Json) -> None:
    before = {_port_key(port): port.get("nodePort") for port in items(old, "ports")}
    used = {port.get("nodePort") for port in items(spec, "ports")}
    for port in items(spec, "ports"):
        kept = before.get(_port_key(port))
        if kept and not port.get("nodePort") and kept not in used:
            port["nodePort"] = kept


def _port_key(port: Json) -> tuple[object, object]:
    return port.get("protocol"), port.get("port")


def _needs_health_port(spec: Json) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _drop_for_type(spec: Json, old: Json) -> None:
    """A change of type leaves behind what only the old type had, where the client sends it unchanged."""
    now, before = spec.get("type"), old.get("type")
    if now == "ExternalName" != before:
        _drop_unchanged(spec, old, *_ALLOCATED, "internalTrafficPolicy")
    if before in _EXTERNAL and now not in _EXTERNAL:
        _drop_node_ports(spec, old)
        if not spec.get("externalIPs"):
            _drop_unchanged(spec, old, "externalTrafficPolicy")
    if _needs_health_port(old) and not _needs_health_port(spec):
        _drop_unchanged(spec, old, "healthCheckNodePort")
    if before == "LoadBalancer" != now:
        _drop_unchanged(spec, old, "allocateLoadBalancerNodePorts", "loadBalancerClass")


def _drop_unchanged(spec: Json, old: Json, *names: str) -> None:
    for name in names:
        if spec.get(name) == old.get(name):
            spec.pop(name, None)


def _drop_node_ports(spec: Json, old: Json) -> None:
    before = {port.get("nodePort") for port in items(old, "ports")}
    for port in items(spec, "ports"):
        if port.get("nodePort") in before:
            port.pop("nodePort", None)
