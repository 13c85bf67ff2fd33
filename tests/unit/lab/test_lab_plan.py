# SPDX-License-Identifier: Apache-2.0
"""The network's plan: from anything that may be there to what should be, and then nothing more."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from hypothesis import given
from hypothesis import strategies as st

from lab.model import CONTROLPLANE, NODE_LINK, SWITCH, SWITCH_BRIDGE, LabSpec, numbered_node
from lab.netlink import Link, NamespaceView
from lab.plan import (
    FRESH,
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
    members,
    plan_network,
)

Views = dict[str, NamespaceView]
SPEC = LabSpec(nodes=(numbered_node(1), numbered_node(2)))


def changed(views: Views, place: str, name: str, **values: object) -> Views:
    view = views[place]
    assert name in view.links, f"{name} is not in {place}"
    links = {**view.links, name: replace(view.links[name], **values)}
    return {**views, place: replace(view, links=links)}


def added(views: Views, place: str, name: str) -> Views:
    view = views[place]
    assert name not in view.links, f"{name} is in {place} already"
    return {**views, place: replace(view, links={**view.links, name: Link(up=False)})}


def removed(views: Views, place: str, name: str) -> Views:
    view = views[place]
    assert name in view.links, f"{name} is not in {place}"
    return {
        **views,
        place: replace(
            view, links={k: v for k, v in view.links.items() if k != name}, gateway=None, routes={}
        ),
    }


def perform(views: Views, operation: Operation) -> Views:
    """What the kernel does, in so far as the plan knows of it."""
    match operation:
        case MakeNamespace(place):
            assert place not in views
            return {**views, place: FRESH}
        case AddBridge(place, link):
            return added(views, place, link)
        case AddVeth(place, link, peer_place, peer):
            return added(added(views, place, link), peer_place, peer)
        case DeleteLink(place, link):
            return removed(views, place, link)
        case SetMaster(place, link, master):
            assert master in views[place].links
            return changed(views, place, link, master=master)
        case SetUp(place, link):
            return changed(views, place, link, up=True)
        case AddAddress(place, link, address):
            assert address not in views[place].links[link].addresses
            return changed(views, place, link, addresses=views[place].links[link].addresses | {address})
        case SetDefaultRoute(place, gateway):
            ways = [link for link in views[place].links.values() if link.up and _leads(link, gateway)]
            assert ways, "no link leads to the gateway"
            return {**views, place: replace(views[place], gateway=gateway)}
        case SetRoute(place, destination, gateway):
            assert any(link.up and _leads(link, gateway) for link in views[place].links.values())
            routes = {**views[place].routes, destination: gateway}
            return {**views, place: replace(views[place], routes=routes)}


def _leads(link: Link, gateway: IPv4Address) -> bool:
    return any(gateway in address.network for address in link.addresses)


def performed(views: Views) -> Views:
    for operation in plan_network(SPEC, views):
        views = perform(views, operation)
    return views


WHOLE = performed({})


def test_out_of_nothing_comes_the_shape_of_the_design() -> None:
    switch = WHOLE[SWITCH].links
    assert switch[SWITCH_BRIDGE] == Link(up=True, addresses=frozenset({SPEC.switch_address}))
    places = {node.name: node.address for node in SPEC.nodes} | {CONTROLPLANE: SPEC.controlplane_address}
    assert set(WHOLE) == {SWITCH, *places}
    for name, address in places.items():
        assert switch[name] == Link(up=True, master=SWITCH_BRIDGE)
        there = WHOLE[name]
        assert there.links["lo"].up
        assert there.links[NODE_LINK] == Link(up=True, addresses=frozenset({address}))
        assert there.gateway == SPEC.switch_address.ip
    assert WHOLE[SWITCH].gateway is None


def test_the_control_plane_knows_the_way_to_every_nodes_pods() -> None:
    assert {str(network): str(gateway) for network, gateway in WHOLE[CONTROLPLANE].routes.items()} == {
        "10.244.1.0/24": "172.30.0.11",
        "10.244.2.0/24": "172.30.0.12",
    }
    assert not any(WHOLE[node.name].routes for node in SPEC.nodes)


def test_nodes_without_a_control_plane_get_the_routes_to_one_another_from_the_lab() -> None:
    routes = {member.name: member.routes for member in members(replace(SPEC, controlplane=False))}
    assert {name: {str(k): str(v) for k, v in found.items()} for name, found in routes.items()} == {
        "node1": {"10.244.2.0/24": "172.30.0.12"},
        "node2": {"10.244.1.0/24": "172.30.0.11"},
    }


def test_a_lab_without_a_control_plane_has_no_place_for_one() -> None:
    operations = plan_network(replace(SPEC, controlplane=False), {})
    assert {operation.place for operation in operations} == {SWITCH, "node1", "node2"}


def test_when_all_is_there_nothing_is_done() -> None:
    assert plan_network(SPEC, WHOLE) == ()


links = st.builds(
    Link,
    up=st.booleans(),
    master=st.sampled_from(["", SWITCH_BRIDGE]),
    addresses=st.frozensets(
        st.sampled_from([IPv4Interface("172.30.0.11/24"), IPv4Interface("172.30.0.1/24")]), max_size=2
    ),
)


_GATEWAYS = [node.address.ip for node in SPEC.nodes]


@st.composite
def damaged(draw: st.DrawFn) -> Views:
    """A whole lab of which somebody took or changed anything."""
    views: Views = {}
    for place, view in WHOLE.items():
        if draw(st.integers(0, 5)) == 0:
            continue
        kept = {name: link for name, link in view.links.items() if name == "lo" or draw(st.integers(0, 3))}
        damage = {name: draw(links) if draw(st.integers(0, 3)) == 0 else link for name, link in kept.items()}
        gateway = draw(st.sampled_from([view.gateway, None, IPv4Address("172.30.0.9")]))
        there = {network: draw(st.sampled_from(_GATEWAYS)) for network in view.routes if draw(st.booleans())}
        views[place] = NamespaceView(damage, gateway if place != SWITCH else None, there)
    # A pair has two ends or none, a port's bridge is there.
    for member in members(SPEC):
        ends = [(SWITCH, member.name), (member.name, NODE_LINK)]
        if member.name not in views and SWITCH in views:
            views = {**views, SWITCH: _without(views[SWITCH], member.name)}
        if not all(place in views and name in views[place].links for place, name in ends) and draw(
            st.booleans()
        ):
            for place, name in ends:
                views = {**views, place: _without(views[place], name)} if place in views else views
    return views


def _without(view: NamespaceView, name: str) -> NamespaceView:
    return replace(view, links={key: link for key, link in view.links.items() if key != name})


@given(damaged())
def test_from_any_damage_the_plan_leads_to_a_lab_that_needs_no_plan(views: Views) -> None:
    repaired = performed(views)
    assert plan_network(SPEC, repaired) == ()
    for place, view in WHOLE.items():
        for name, link in view.links.items():
            assert repaired[place].links[name].up
            assert link.addresses <= repaired[place].links[name].addresses
        assert repaired[place].routes == view.routes
