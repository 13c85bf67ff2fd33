# SPDX-License-Identifier: Apache-2.0
"""EndpointSlice."""

import ipaddress
from typing import ClassVar, Final

from lightkube.resources import discovery_v1

from controlplane.registry.columns import AGE, NAME, computed, text
from controlplane.registry.data import EACH, Defaults, Json, items, look
from controlplane.registry.derive import derive
from controlplane.registry.humanize import UNSET, some
from controlplane.registry.meta_checks import check_choice, check_endpoint_address, check_port, within
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_LABEL, DNS_SUBDOMAIN, PORT_NAME
from kube.problem import Path, duplicate, invalid, required, too_many, unsupported

ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_MAX_ENDPOINTS: Final = 1000
_MAX_ADDRESSES: Final = 100
_MAX_PORTS: Final = 100
_MOST: Final = 3
_CONTENT: Final = ("addressType", "endpoints", "ports")


class EndpointSliceStrategy(KindStrategy):
    """At most 1000 endpoints of one type of address; it has no spec, and counts generations by all it says."""

    immutable = (("addressType",),)
    defaults: ClassVar[Defaults] = {("ports", EACH): {"name": "", "protocol": "TCP"}}

    def prepare_create(self, obj: Json) -> None:
        """The first generation."""
        obj["metadata"]["generation"] = 1

    def prepare_update(self, obj: Json, old: Json) -> None:
        """The next one when content or labels are others."""
        same = all(obj.get(field) == old.get(field) for field in _CONTENT)
        same &= look(obj, "metadata", "labels", default={}) == look(old, "metadata", "labels", default={})
        obj["metadata"]["generation"] = old["metadata"].get("generation", 1) + (not same)

    def problems(self, obj: Json) -> Problems:
        """Addresses of the type, ports with different names, and not too many."""
        kind, endpoints, ports = obj.get("addressType"), items(obj, "endpoints"), items(obj, "ports")
        if kind not in ADDRESS_TYPES:
            yield unsupported(("addressType",), kind, ADDRESS_TYPES)
            return
        yield from _few("endpoints", endpoints, _MAX_ENDPOINTS)
        yield from _few("ports", ports, _MAX_PORTS)
        for index, endpoint in enumerate(endpoints[:_MAX_ENDPOINTS]):
            yield from _endpoint(endpoint, ("endpoints", index), str(kind))
        seen: set[object] = set()
        for index, port in enumerate(ports[:_MAX_PORTS]):
            yield from _port(port, ("ports", index))
            if port.get("name") in seen:
                yield duplicate(("ports", index, "name"), port.get("name"), "a name that no other port has")
            seen.add(port.get("name"))


def _few(field: str, found: list[Json], most: int) -> Problems:
    if len(found) > most:
        yield too_many((field,), len(found), most)


def _endpoint(endpoint: Json, path: Path, kind: str) -> Problems:
    addresses = items(endpoint, "addresses")
    if not addresses:
        yield required((*path, "addresses"), "at least one address")
    if len(addresses) > _MAX_ADDRESSES:
        yield too_many((*path, "addresses"), len(addresses), _MAX_ADDRESSES)
    for index, address in enumerate(addresses[:_MAX_ADDRESSES]):
        yield from _address(address, (*path, "addresses", index), kind)
    if endpoint.get("hostname"):
        yield from DNS_LABEL.check((*path, "hostname"), endpoint["hostname"])
    if endpoint.get("nodeName"):
        yield from DNS_SUBDOMAIN.check((*path, "nodeName"), endpoint["nodeName"])


def _address(address: str, path: Path, kind: str) -> Problems:
    if kind == "FQDN":
        yield from DNS_SUBDOMAIN.check(path, address)
        return
    problems = list(check_endpoint_address(address, path))
    yield from problems
    if not problems and f"IPv{ipaddress.ip_address(address).version}" != kind:
        yield invalid(path, address, f"an {kind} address, because of addressType")


def _port(port: Json, path: Path) -> Problems:
    if port.get("name") and not (DNS_LABEL.fits(port["name"]) or PORT_NAME.fits(port["name"])):
        yield invalid((*path, "name"), port["name"], DNS_LABEL.accepted)
    yield from within(path, check_choice(port, ("protocol",), ("TCP", "UDP", "SCTP")))
    if look(port, "port") is not None:
        yield from check_port(port["port"], (*path, "port"))


def _ports(obj: Json) -> str:
    return some([str(look(port, "port", default="*")) for port in items(obj, "ports")], _MOST, empty=UNSET)


def _endpoints(obj: Json) -> str:
    addresses = [address for endpoint in items(obj, "endpoints") for address in items(endpoint, "addresses")]
    return some(addresses, _MOST, empty=UNSET)


RESOURCE = derive(
    discovery_v1.EndpointSlice,
    columns=(
        NAME,
        text("AddressType", "addressType", empty=""),
        computed("Ports", _ports),
        computed("Endpoints", _endpoints),
        AGE,
    ),
    strategy=EndpointSliceStrategy(),
)
