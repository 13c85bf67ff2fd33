# SPDX-License-Identifier: Apache-2.0
"""NetworkPolicy."""

import ipaddress
from collections.abc import Mapping
from typing import ClassVar, Final

from lightkube.resources import networking_v1

from controlplane.registry.columns import AGE, NAME, selector_column
from controlplane.registry.data import EACH, Defaults, Json, items, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_choice, check_network, check_port, check_selector, within
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import PORT_NAME
from kube.problem import Path, forbidden, invalid, required, unsupported

_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_DIRECTIONS: Final = {"ingress": "from", "egress": "to"}


class NetworkPolicyStrategy(KindStrategy):
    """Which traffic pods may have; it is about incoming traffic unless it says otherwise."""

    has_generation = True
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"podSelector": {}}
    defaults: ClassVar[Defaults] = {
        ("spec", direction, EACH, "ports", EACH): {"protocol": "TCP"} for direction in _DIRECTIONS
    }

    def set_defaults(self, obj: Json) -> None:
        """A policy with egress rules is about both directions."""
        super().set_defaults(obj)
        if not items(obj, "spec", "policyTypes"):
            egress = ["Egress"] if items(obj, "spec", "egress") else []
            obj["spec"]["policyTypes"] = ["Ingress", *egress]

    def problems(self, obj: Json) -> Problems:
        """Selectors, peers that are one thing, ports and ranges."""
        yield from check_selector(look(obj, "spec", "podSelector"), ("spec", "podSelector"))
        for index, kind in enumerate(items(obj, "spec", "policyTypes")):
            if kind not in ("Ingress", "Egress"):
                yield unsupported(("spec", "policyTypes", index), kind, ("Egress", "Ingress"))
        for direction, peers in _DIRECTIONS.items():
            for index, rule in enumerate(items(obj, "spec", direction)):
                at: Path = ("spec", direction, index)
                for number, port in enumerate(items(rule, "ports")):
                    yield from _port(port, (*at, "ports", number))
                for number, peer in enumerate(items(rule, peers)):
                    yield from _peer(peer, (*at, peers, number))


def _port(port: Json, path: Path) -> Problems:
    yield from within(path, check_choice(port, ("protocol",), _PROTOCOLS))
    number, end = look(port, "port"), look(port, "endPort")
    if isinstance(number, str):
        yield from PORT_NAME.check((*path, "port"), number)
    elif number is not None:
        yield from check_port(number, (*path, "port"))
    if end is None:
        return
    if not isinstance(number, int):
        yield required((*path, "port"), "a number, because endPort is set")
    elif end < number or end > 65535:
        yield invalid((*path, "endPort"), end, f"a port from {number} to 65535")


def _peer(peer: Json, path: Path) -> Problems:
    block = look(peer, "ipBlock")
    selectors = [name for name in ("podSelector", "namespaceSelector") if look(peer, name) is not None]
    if block is None and not selectors:
        yield required(path, "at least one of podSelector, namespaceSelector, ipBlock")
    if block is not None and selectors:
        yield forbidden(path, "may not specify both ipBlock and another peer")
    for name in selectors:
        yield from check_selector(peer[name], (*path, name))
    if block is not None:
        yield from _block(block, (*path, "ipBlock"))


def _block(block: Json, path: Path) -> Problems:
    problems = list(check_network(block.get("cidr"), (*path, "cidr")))
    yield from problems
    for index, text in enumerate(items(block, "except")):
        found = list(check_network(text, (*path, "except", index)))
        yield from found
        if not problems and not found and not _is_inside(text, block["cidr"]):
            yield invalid((*path, "except", index), text, f"a strict subset of {block['cidr']}")


def _is_inside(inner: str, outer: str) -> bool:
    small, large = ipaddress.ip_network(inner, strict=False), ipaddress.ip_network(outer, strict=False)
    return small.version == large.version and small != large and small.subnet_of(large)  # type: ignore[arg-type]


RESOURCE = derive(
    networking_v1.NetworkPolicy,
    short_names=("netpol",),
    columns=(NAME, selector_column("spec", "podSelector", name="Pod-Selector", priority=0), AGE),
    strategy=NetworkPolicyStrategy(),
)
