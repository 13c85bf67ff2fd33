# SPDX-License-Identifier: Apache-2.0
"""Which routes a node needs to the pods of others, and which changes make them (pure)."""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cli.noderoutes import routes_to_others
from netplugin.hostgw import plan
from netplugin.model import Route


def node(name: str, *ranges: str, addresses: tuple[str, ...] = ()) -> dict[str, Any]:
    told = [{"type": "InternalIP", "address": each} for each in addresses]
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": ranges[0], "podCIDRs": list(ranges)} if ranges else {},
        "status": {"addresses": [*told, {"type": "Hostname", "address": name}]},
    }


def route(network: str, gateway: str) -> Route:
    return Route(ip_network(network), ip_address(gateway))


def test_each_other_node_is_the_way_to_its_pods() -> None:
    nodes = [
        node("a", "10.244.1.0/24", addresses=("172.30.0.11",)),
        node("b", "10.244.2.0/24", "fd00:2::/64", addresses=("172.30.0.12", "fd01::2")),
        node("c", "10.244.3.0/24", "fd00:3::/64", addresses=("172.30.0.13",)),
        node("d", addresses=("172.30.0.14",)),
        node("e", "10.244.5.0/24"),
    ]
    assert routes_to_others(nodes, "a") == {
        route("10.244.2.0/24", "172.30.0.12"),
        route("fd00:2::/64", "fd01::2"),
        route("10.244.3.0/24", "172.30.0.13"),
    }


_ROUTES = st.sets(
    st.builds(
        lambda third, last: route(f"10.244.{third}.0/24", f"172.30.0.{last}"),
        st.integers(1, 4),
        st.integers(11, 14),
    )
)


@given(_ROUTES, _ROUTES)
def test_the_changes_lead_to_the_wanted_routes(wanted: set[Route], present: set[Route]) -> None:
    wanted = {each.dst: each for each in wanted}.values()  # one way to each network
    change = plan(wanted, present)
    assert set(present) - set(change.remove) | set(change.add) == set(wanted)
    assert set(change.remove) <= set(present)
    assert not set(change.add) & set(present)
