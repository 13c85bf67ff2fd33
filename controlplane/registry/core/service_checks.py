# SPDX-License-Identifier: Apache-2.0
"""What is refused in a Service (kubernetes ValidateService, ValidateServiceUpdate)."""

from typing import Final

from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.meta_checks import (
    PORT_RANGE,
    PORTS,
    Problems,
    check_address,
    check_choice,
    check_network,
    check_port,
    within,
)
from kube.names import DNS_LABEL, DNS_SUBDOMAIN, PORT_NAME, check_labels
from kube.problem import Path, duplicate, forbidden, invalid, refused, required, unsupported

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_CHOICES: Final = {
    "type": TYPES,
    "sessionAffinity": ("ClientIP", "None"),
    "externalTrafficPolicy": ("Cluster", "Local"),
    "internalTrafficPolicy": ("Cluster", "Local"),
    "ipFamilyPolicy": ("SingleStack", "PreferDualStack", "RequireDualStack"),
    "trafficDistribution": ("PreferClose", "PreferSameZone", "PreferSameNode"),
}
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_FAMILIES: Final = ("IPv4", "IPv6")
_MAX_AFFINITY: Final = 86400
_HEADLESS: Final = "None"


def check_service(spec: Json, path: Path) -> Problems:
    """Everything that is wrong with a Service's spec at path; its defaults are filled in."""
    for field, values in _CHOICES.items():
        yield from within(path, check_choice(spec, (field,), values))
    yield from _ports(spec, path)
    yield from _cluster_ips(spec, path)
    yield from check_labels((*path, "selector"), mapping(spec, "selector"))
    yield from _external(spec, path)
    yield from _load_balancer(spec, path)
    yield from _affinity(spec, path)


def check_cluster_ips_kept(spec: Json, old: Json) -> Problems:
    """The first cluster IP and the load balancer's class are given once."""
    if "ExternalName" not in (spec.get("type"), old.get("type")):
        changed = [
            field
            for field in ("clusterIP", "clusterIPs")
            if (was := _first(old, field)) and _first(spec, field) != was
        ]
        if changed:
            yield refused(("spec", "clusterIPs", 0), look(spec, changed[0]), "may not change once set")
    wanted = spec.get("loadBalancerClass")
    if spec.get("type") == old.get("type") == "LoadBalancer" and wanted != old.get("loadBalancerClass"):
        yield refused(("spec", "loadBalancerClass"), wanted, "may not change once set")


def _first(spec: Json, field: str) -> object:
    value = look(spec, field)
    return value[0] if isinstance(value, list) and value else value


def _ports(spec: Json, path: Path) -> Problems:
    ports = items(spec, "ports")
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != _HEADLESS:
        yield required((*path, "ports"), "at least one port")
    names: set[object] = set()
    used: set[tuple[object, object]] = set()
    node_ports: set[tuple[object, object]] = set()
    for index, port in enumerate(ports):
        at: Path = (*path, "ports", index)
        yield from _port(port, at, needs_name=len(ports) > 1)
        yield from _node_port(port, at, str(spec.get("type")), node_ports)
        if port.get("name") and port["name"] in names:
            yield duplicate((*at, "name"), port["name"], "a name that no other port of the Service has")
        key = (port.get("protocol"), port.get("port"))
        if key in used:
            yield duplicate(at, f"{key[0]}/{key[1]}", "one entry for each protocol and port")
        names.add(port.get("name"))
        used.add(key)


def _port(port: Json, path: Path, *, needs_name: bool) -> Problems:
    if needs_name and not port.get("name"):
        yield required((*path, "name"), "a name, because the Service has several ports")
    elif port.get("name"):
        yield from DNS_LABEL.check((*path, "name"), port["name"])
    yield from check_port(port.get("port"), (*path, "port"))
    if port.get("protocol") not in _PROTOCOLS:
        yield unsupported((*path, "protocol"), port.get("protocol"), _PROTOCOLS)
    target = port.get("targetPort")
    if isinstance(target, str):
        yield from PORT_NAME.check((*path, "targetPort"), target)
    elif target is not None and target not in PORTS:
        yield invalid((*path, "targetPort"), target, f"{PORT_RANGE}, or the name of one")


def _node_port(port: Json, path: Path, type_: str, used: set[tuple[object, object]]) -> Problems:
    node_port = port.get("nodePort")
    if not node_port:
        return
    if type_ not in ("NodePort", "LoadBalancer"):
        yield forbidden((*path, "nodePort"), f"may not be used when `type` is {type_!r}")
    yield from check_port(node_port, (*path, "nodePort"))
    if (port.get("protocol"), node_port) in used:
        yield duplicate((*path, "nodePort"), node_port, "a port that no other port of the Service has")
    used.add((port.get("protocol"), node_port))


def _cluster_ips(spec: Json, path: Path) -> Problems:
    address, addresses, type_ = spec.get("clusterIP") or "", items(spec, "clusterIPs"), spec.get("type")
    if type_ == "ExternalName":
        given = [
            field for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy") if spec.get(field)
        ]
        yield from (forbidden((*path, field), "may not be set for ExternalName services") for field in given)
        return
    if address == _HEADLESS and type_ != "ClusterIP":
        yield invalid((*path, "clusterIPs", 0), _HEADLESS, "an address, or nothing, for this type")
    if addresses and address != addresses[0]:
        yield invalid((*path, "clusterIP"), address, "the first of clusterIPs")
    if len(addresses) > 2 or (len(addresses) > 1 and _HEADLESS in addresses):
        yield invalid(
            (*path, "clusterIPs"), addresses, "None alone, or one address or two of different families"
        )
    for index, text in enumerate(addresses):
        if text != _HEADLESS:
            yield from check_address(text, (*path, "clusterIPs", index))
    yield from _families(items(spec, "ipFamilies"), (*path, "ipFamilies"))


def _families(families: list[str], path: Path) -> Problems:
    if len(set(families)) != len(families) or len(families) > 2:
        yield invalid(path, families, "IPv4, IPv6 or both, each once")
    for index, family in enumerate(families):
        if family not in _FAMILIES:
            yield unsupported((*path, index), family, _FAMILIES)


def _external(spec: Json, path: Path) -> Problems:
    type_ = spec.get("type")
    if type_ == "ExternalName":
        name = (spec.get("externalName") or "").removesuffix(".")
        yield from DNS_SUBDOMAIN.check((*path, "externalName"), name)
    for index, address in enumerate(items(spec, "externalIPs")):
        yield from check_address(address, (*path, "externalIPs", index))
    reachable = type_ in ("NodePort", "LoadBalancer") or (type_ == "ClusterIP" and spec.get("externalIPs"))
    if spec.get("externalTrafficPolicy") and not reachable:
        message = "may only be set for externally-accessible services"
        yield refused((*path, "externalTrafficPolicy"), spec["externalTrafficPolicy"], message)


def _load_balancer(spec: Json, path: Path) -> Problems:
    is_load_balancer = spec.get("type") == "LoadBalancer"
    for field in ("loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"):
        if spec.get(field) and not is_load_balancer:
            yield forbidden((*path, field), "may only be used when `type` is 'LoadBalancer'")
    for index, text in enumerate(items(spec, "loadBalancerSourceRanges")):
        yield from check_network(str(text).strip(), (*path, "loadBalancerSourceRanges", index))
    if spec.get("healthCheckNodePort"):
        if not is_load_balancer or spec.get("externalTrafficPolicy") != "Local":
            message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield forbidden((*path, "healthCheckNodePort"), message)
        yield from check_port(spec["healthCheckNodePort"], (*path, "healthCheckNodePort"))


def _affinity(spec: Json, path: Path) -> Problems:
    seconds = look(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds")
    at = (*path, "sessionAffinityConfig", "clientIP", "timeoutSeconds")
    if seconds is not None and not 0 < seconds <= _MAX_AFFINITY:
        yield invalid(at, seconds, f"a number of seconds from 1 to {_MAX_AFFINITY}")
