# SPDX-License-Identifier: Apache-2.0
"""The config's list of address ranges, checked: possible subnets, gateways in them, no overlap."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from itertools import combinations

from netplugin.errors import ConfigError, UnsupportedFieldError
from netplugin.model import Address, AddressRange, Network

KEYS = frozenset({"subnet", "gateway", "rangeStart", "rangeEnd"})


def read_ranges(value: object) -> tuple[AddressRange, ...]:
    """A list of objects {subnet, gateway?, rangeStart?, rangeEnd?}.

    Every pod gets one address of each range. The gateway is the subnet's first host unless named; the range
    is every host of the subnet unless bounded.
    """
    if not isinstance(value, list) or not value:
        raise ConfigError(
            f"ranges is {value!r}: a list of objects like {{'subnet': '10.244.1.0/24'}} is needed"
        )
    ranges = tuple(_read_range(f"ranges[{index}]", item) for index, item in enumerate(value))
    for (i, one), (j, other) in combinations(enumerate(ranges), 2):
        if one.version == other.version and one.subnet.overlaps(other.subnet):
            raise ConfigError(
                f"ranges[{i}].subnet {one.subnet} and ranges[{j}].subnet {other.subnet} overlap"
            )
    return ranges


def _read_range(where: str, item: object) -> AddressRange:
    if not isinstance(item, dict):
        raise ConfigError(f"{where} is {item!r}: an object with 'subnet' is needed")
    for key in item.keys() - KEYS:
        raise UnsupportedFieldError(
            f"unsupported field {where}.{key}={item[key]!r}: accepted are {', '.join(sorted(KEYS))}"
        )
    subnet = _read_subnet(where, item)
    low, high = _hosts(subnet)
    first = _read_inside(where, item, "rangeStart", subnet, low)
    last = _read_inside(where, item, "rangeEnd", subnet, high)
    gateway = _read_inside(where, item, "gateway", subnet, low)
    if int(first) > int(last):
        raise ConfigError(f"{where}.rangeStart {first} comes after rangeEnd {last}")
    made = AddressRange(subnet, gateway, first, last)
    if made.size < 1:
        raise ConfigError(
            f"{where} has no address left for a pod beside the gateway {gateway}: use a larger subnet"
        )
    return made


def _read_subnet(where: str, item: Mapping[str, object]) -> Network:
    value = item.get("subnet")
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError("a prefix length is missing")
        subnet = ip_network(value)
    except ValueError as error:
        raise ConfigError(
            f"{where}.subnet is {value!r}: a subnet like 10.244.1.0/24 or fd00:1::/64 is needed: {error}"
        ) from error
    if subnet.prefixlen > subnet.max_prefixlen - 2:
        raise ConfigError(
            f"{where}.subnet {subnet} is too small: /{subnet.max_prefixlen - 2} or larger is needed"
        )
    if subnet.is_multicast or subnet.is_loopback or subnet.is_link_local:
        raise ConfigError(
            f"{where}.subnet {subnet} is multicast, loopback or link-local: pods need unicast addresses"
        )
    return subnet


def _hosts(subnet: Network) -> tuple[Address, Address]:
    """First and last usable host; the broadcast address exists in IPv4 only."""
    last = int(subnet.broadcast_address) - (1 if subnet.version == 4 else 0)
    return subnet.network_address + 1, type(subnet.network_address)(last)


def _read_inside(
    where: str, item: Mapping[str, object], key: str, subnet: Network, default: Address
) -> Address:
    value = item.get(key)
    if value is None:
        return default
    low, high = _hosts(subnet)
    try:
        address = ip_address(str(value))
    except ValueError as error:
        raise ConfigError(f"{where}.{key} is {value!r}: an IP address is needed") from error
    if address not in subnet or not int(low) <= int(address) <= int(high):
        raise ConfigError(
            f"{where}.{key} {address} is outside of the hosts of {subnet}: accepted are {low} to {high}"
        )
    return address
