# SPDX-License-Identifier: Apache-2.0
"""What a Service needs of addresses and ports, read out of its spec; nothing is held here."""

from typing import Any, Final

from controlplane.allocation.ranges import family_of
from controlplane.errors import Cause
from controlplane.registry.data import items

Json = dict[str, Any]

NONE: Final = "None"
_EXTERNAL: Final = ("NodePort", "LoadBalancer")


def needs_addresses(spec: Json) -> bool:
    """Whether a Service of this type has cluster IPs of its own (headless ones have none)."""
    return spec.get("type") != "ExternalName" and spec.get("clusterIP") != NONE


def families(spec: Json, available: tuple[str, ...]) -> tuple[str, ...] | Cause:
    """The families that the Service gets, in order; a Cause when they cannot be had."""
    policy = spec.get("ipFamilyPolicy") or _implied_policy(spec)
    asked = _asked(spec)
    for family in asked:
        if family not in available:
            return _bad("spec.ipFamilies", f"Invalid value: {family!r}: not configured on this cluster")
    if policy == "SingleStack":
        if len(asked) > 1:
            return _bad("spec.ipFamilyPolicy", "Invalid value: SingleStack with two families")
        return asked or available[:1]
    if policy == "RequireDualStack" and len(available) < 2:
        return _bad(
            "spec.ipFamilyPolicy", "Invalid value: this cluster is not configured for dual-stack services"
        )
    return (*asked, *(family for family in available if family not in asked))


def narrow(spec: Json, old: Json) -> None:
    """A dual-stack Service that becomes SingleStack, and says nothing else, keeps its first family and address."""
    if spec.get("ipFamilyPolicy") != "SingleStack" or old.get("ipFamilyPolicy") in (None, "SingleStack"):
        return
    for name in ("ipFamilies", "clusterIPs"):
        if len(items(spec, name)) > 1 and spec[name] == old.get(name):
            spec[name] = spec[name][:1]


def complete(spec: Json, chosen: tuple[str, ...]) -> None:
    """Write the families and the policy down."""
    spec["ipFamilies"] = list(chosen)
    spec["ipFamilyPolicy"] = spec.get("ipFamilyPolicy") or _implied_policy(spec)


def wanted_addresses(spec: Json) -> list[str]:
    """Addresses that the Service names itself."""
    return [address for address in items(spec, "clusterIPs") if address not in ("", NONE)]


def ports_to_fill(spec: Json) -> list[Json]:
    """Ports of the Service that have or need a node port."""
    if spec.get("type") not in _EXTERNAL:
        return []
    free = spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False
    return [port for port in items(spec, "ports") if port.get("nodePort") or not free]


def needs_health_port(spec: Json) -> bool:
    """Whether load balancers ask nodes about this Service."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def held(obj: Json) -> tuple[set[str], set[int]]:
    """Addresses and node ports that an object of the store holds."""
    spec = obj.get("spec") or {}
    addresses = set(wanted_addresses(spec)) if needs_addresses(spec) else set()
    ports = {port["nodePort"] for port in items(spec, "ports") if port.get("nodePort")}
    if spec.get("healthCheckNodePort"):
        ports.add(spec["healthCheckNodePort"])
    return addresses, ports


def _asked(spec: Json) -> tuple[str, ...]:
    if spec.get("ipFamilies"):
        return tuple(spec["ipFamilies"])
    return tuple(dict.fromkeys(family_of(address) for address in wanted_addresses(spec)))


def _implied_policy(spec: Json) -> str:
    two = len(spec.get("ipFamilies") or ()) > 1 or len(wanted_addresses(spec)) > 1
    return "RequireDualStack" if two else "SingleStack"


def _bad(field: str, message: str) -> Cause:
    return Cause("FieldValueInvalid", message, field)
