# SPDX-License-Identifier: Apache-2.0
"""Endpoints."""

from typing import ClassVar

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, computed
from controlplane.registry.data import EACH, Defaults, Json, items
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE, some
from controlplane.registry.meta_checks import check_choice, check_endpoint_address, check_port, within
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_LABEL
from kube.problem import Path, required

_MOST = 3


class EndpointsStrategy(KindStrategy):
    """Addresses and ports; written by whoever owns the Service, with PUT as well."""

    creates_on_update = True
    defaults: ClassVar[Defaults] = {("subsets", EACH, "ports", EACH): {"protocol": "TCP"}}

    def problems(self, obj: Json) -> Problems:
        """Addresses that a proxy can send to, ports with a name when there are several."""
        for index, subset in enumerate(items(obj, "subsets")):
            yield from _subset(subset, ("subsets", index))


def _subset(subset: Json, path: Path) -> Problems:
    for kind in ("addresses", "notReadyAddresses"):
        for index, address in enumerate(items(subset, kind)):
            yield from check_endpoint_address(address.get("ip"), (*path, kind, index, "ip"))
    ports = items(subset, "ports")
    for index, port in enumerate(ports):
        at: Path = (*path, "ports", index)
        yield from check_port(port.get("port"), (*at, "port"))
        yield from within(at, check_choice(port, ("protocol",), ("TCP", "UDP", "SCTP")))
        if port.get("name"):
            yield from DNS_LABEL.check((*at, "name"), port["name"])
        elif len(ports) > 1:
            yield required((*at, "name"), "a name, because there are several ports")


def _listed(obj: Json) -> str:
    subsets = items(obj, "subsets")
    return some(
        [place for subset in subsets for place in _places(subset)],
        _MOST,
        empty="" if subsets else NONE,
    )


def _places(subset: Json) -> list[str]:
    addresses = [address.get("ip", "") for address in items(subset, "addresses")]
    ports = [port.get("port") for port in items(subset, "ports")]
    if not ports:
        return addresses
    return [f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for port in ports for ip in addresses]


RESOURCE = derive(
    core_v1.Endpoints,
    short_names=("ep",),
    columns=(NAME, computed("Endpoints", _listed), AGE),
    strategy=EndpointsStrategy(),
)
