# SPDX-License-Identifier: Apache-2.0
"""CHECK: the kernel's state and the allocation, compared with what ADD returned.

Only what this plugin made is looked at, and only what the result names: a later plugin of the list may have
added addresses and routes, renamed nothing and removed nothing.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network

from netplugin import hostports
from netplugin.errors import CheckFailedError, ConfigError
from netplugin.ipam import Store
from netplugin.model import Interface, Json, NetworkConfig, Route
from netplugin.namespaces import opened
from netplugin.netlink import Netlink, netlink_in, node_netlink
from netplugin.request import Request


def check(request: Request, config: NetworkConfig) -> None:
    """Raise CheckFailedError with every difference, or ConfigError for a prevResult that cannot be read."""
    expected = _read_previous(request)
    try:
        with opened(request.netns) as namespace, netlink_in(namespace) as pod:
            differences = [
                *_check_held(request, config, expected),
                *_check_node(request, config, node_netlink()),
                *_check_pod(request, expected, pod),
            ]
    except FileNotFoundError:
        differences = [f"there is no network namespace at {request.netns}"]
    if differences:
        raise CheckFailedError(
            f"{request.attachment.ifname} of container {request.attachment.container_id} is not as ADD left it: "
            + "; ".join(differences)
        )


class _Expected:
    """The part of prevResult that is ours: the pod's interface, its addresses and routes."""

    def __init__(self, previous: Json, ifname: str) -> None:
        interfaces = _objects(previous, "interfaces")
        ours = [i for i, one in enumerate(interfaces) if one.get("name") == ifname and one.get("sandbox")]
        if not ours:
            raise ConfigError(f"prevResult.interfaces names no {ifname} in a sandbox")
        self.mac = str(interfaces[ours[0]].get("mac", "")).lower()
        self.addresses = frozenset(
            _read_interface(one.get("address"))
            for one in _objects(previous, "ips")
            if one.get("interface") in ours
        )
        self.routes = frozenset(_read_route(one) for one in _objects(previous, "routes"))


def _read_previous(request: Request) -> _Expected:
    previous = request.config.get("prevResult")
    if not isinstance(previous, dict):
        raise ConfigError("prevResult is missing: CHECK compares with the result of ADD")
    return _Expected(previous, request.attachment.ifname)


def _check_held(request: Request, config: NetworkConfig, expected: _Expected) -> Iterator[str]:
    held = {one.address for one in Store(config.state_dir, config.name).held_by(request.attachment)}
    for address in sorted(str(one.ip) for one in expected.addresses if one.ip not in held):
        yield f"address {address} is not held in {config.state_dir}"
    for address in sorted(str(one) for one in held - {one.ip for one in expected.addresses}):
        yield f"address {address} is held but not in the result"


def _check_node(request: Request, config: NetworkConfig, node: Netlink) -> Iterator[str]:
    bridge = node.link(config.bridge)
    if bridge is None:
        yield f"bridge {config.bridge} is missing"
        return
    if not bridge.up:
        yield f"bridge {config.bridge} is down"
    addresses = node.addresses(bridge.index)
    for pool in config.ranges:
        gateway = pool.interface(pool.gateway)
        if gateway not in addresses:
            yield f"bridge {config.bridge} lacks the gateway address {gateway}"
    held = Store(config.state_dir, config.name).held_by(request.attachment)
    yield from hostports.missing(config.name, held)
    for name in sorted({one.host_veth for one in held if one.host_veth}):
        yield from _check_port(node, name, bridge.index, config.bridge)


def _check_port(node: Netlink, name: str, bridge: int, bridge_name: str) -> Iterator[str]:
    port = node.link(name)
    if port is None:
        yield f"{name} is missing on the node"
        return
    if not port.up:
        yield f"{name} is down on the node"
    if port.master != bridge:
        yield f"{name} is not in bridge {bridge_name}"
    elif not port.hairpin:
        yield f"hairpin mode of {name} is off"


def _check_pod(request: Request, expected: _Expected, pod: Netlink) -> Iterator[str]:
    ifname = request.attachment.ifname
    link = pod.link(ifname)
    if link is None:
        yield f"{ifname} is missing in the pod"
        return
    if not link.up:
        yield f"{ifname} is down in the pod"
    if expected.mac and link.mac != expected.mac:
        yield f"{ifname} has the hardware address {link.mac}, not {expected.mac}"
    for address in sorted(map(str, expected.addresses - pod.addresses(link.index))):
        yield f"{ifname} lacks the address {address}"
    for route in sorted(map(str, expected.routes - pod.routes(link.index))):
        yield f"the pod lacks the route to {route}"


def _objects(previous: Json, key: str) -> list[Json]:
    value = previous.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ConfigError(f"prevResult.{key} is {value!r}: a list of objects is needed")
    return value


def _read_interface(value: object) -> Interface:
    try:
        return ip_interface(str(value))
    except ValueError as error:
        raise ConfigError(f"prevResult.ips has the address {value!r}: {error}") from error


def _read_route(value: Json) -> Route:
    try:
        gateway = value.get("gw")
        return Route(ip_network(str(value.get("dst"))), ip_address(str(gateway)) if gateway else None)
    except ValueError as error:
        raise ConfigError(f"prevResult.routes has {value!r}: {error}") from error
