# SPDX-License-Identifier: Apache-2.0
"""Routes to other nodes' pods, through those nodes themselves (host-gw): for nodes that share a network.

The routes carry a protocol number of ours, by which those of nodes that went are found and removed again.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from netplugin.errors import KernelError
from netplugin.model import Route

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What makes the present routes the wanted ones: first these go, then those are set."""

    remove: tuple[Route, ...]
    add: tuple[Route, ...]


def plan(wanted: Iterable[Route], present: Iterable[Route]) -> Change:
    """The difference."""
    wanted, present = frozenset(wanted), frozenset(present)
    return Change(tuple(sorted(present - wanted, key=str)), tuple(sorted(wanted - present, key=str)))


def ensure(wanted: Iterable[Route]) -> tuple[KernelError, ...]:
    """Have just these routes of ours; what the kernel refused is given back, and all others are there.

    For a thread of its own: the netlink socket stays with it.
    """
    from netplugin.netlink import node_netlink

    netlink = node_netlink()
    change = plan(wanted, netlink.node_routes())
    refused = []
    for routes, do in ((change.remove, netlink.delete_node_route), (change.add, netlink.set_node_route)):
        for route in routes:
            try:
                do(route)
            except KernelError as error:
                refused.append(error)
    return tuple(refused)
