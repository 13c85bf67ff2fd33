# SPDX-License-Identifier: Apache-2.0
"""Performs the operations of plan.py, and reads the state that they start from."""

from pathlib import Path

from lab import namespace, netlink
from lab.errors import LabError
from lab.model import CONTROLPLANE, SWITCH, LabPaths, LabSpec, PlacePaths
from lab.plan import (
    AddAddress,
    AddBridge,
    AddVeth,
    DeleteLink,
    MakeNamespace,
    Operation,
    SetDefaultRoute,
    SetMaster,
    SetRoute,
    SetUp,
    places,
)


def namespace_of(paths: LabPaths, place: str) -> Path:
    """Where the network namespace of a place is."""
    return paths.switch_namespace if place == SWITCH else member_paths(paths, place).namespace


def name_of(paths: LabPaths, place: str) -> Path:
    """The name by which `ip netns` knows it."""
    return paths.switch_link if place == SWITCH else member_paths(paths, place).namespace_link


def member_paths(paths: LabPaths, place: str) -> PlacePaths:
    """Where the files of the control plane or of a node are."""
    return paths.controlplane if place == CONTROLPLANE else paths.node(place)


def observe(spec: LabSpec) -> dict[str, netlink.NamespaceView]:
    """What is in each of the lab's namespaces; those that are missing are left out."""
    found = {}
    for place in places(spec):
        path = namespace_of(spec.paths, place)
        if namespace.inode(path) is not None:
            found[place] = netlink.observe(path)
    return found


def apply(spec: LabSpec, operations: tuple[Operation, ...]) -> None:
    """Perform the operations in their order; LabError names the one that failed."""
    for operation in operations:
        try:
            _perform(spec.paths, operation)
        except Exception as error:
            raise LabError(f"cannot make the network of lab {spec.name}: {operation}: {error}") from error


def _perform(paths: LabPaths, operation: Operation) -> None:
    there = namespace_of(paths, operation.place)
    match operation:
        case MakeNamespace(place):
            namespace.make(there, name_of(paths, place))
        case AddBridge(_, link):
            netlink.add_bridge(there, link)
        case AddVeth(_, link, peer_place, peer):
            netlink.add_veth(there, link, namespace_of(paths, peer_place), peer)
        case DeleteLink(_, link):
            netlink.delete_link(there, link)
        case SetMaster(_, link, master):
            netlink.set_master(there, link, master)
        case SetUp(_, link):
            netlink.set_up(there, link)
        case AddAddress(_, link, address):
            netlink.add_address(there, link, address)
        case SetDefaultRoute(_, gateway):
            netlink.set_default_route(there, gateway)
        case SetRoute(_, destination, gateway):
            netlink.set_route(there, destination, gateway)
