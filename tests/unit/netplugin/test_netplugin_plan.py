# SPDX-License-Identifier: Apache-2.0
"""The plan of an ADD: what is there already is not done again; what the pod gets follows from its addresses."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplugin import names
from netplugin import operations as op
from netplugin.config import Settings
from netplugin.dryrun import plan_lines
from netplugin.errors import KernelError
from netplugin.masquerade import MasqueradeRules
from netplugin.model import Allocation, Attachment, Link, NetworkConfig, Pod
from netplugin.plan import NOTHING_YET, Observed, Wish, plan_add
from netplugin.ranges import read_ranges

BRIDGE = Link(
    index=2, name="orlop0", kind="bridge", mac="0a", mtu=1500, up=True, master=0, alias="", hairpin=False
)


def wish(*subnets, **changes):
    ranges = read_ranges([{"subnet": subnet} for subnet in subnets or ("10.244.1.0/24",)])
    config = NetworkConfig("orlop", "1.0.0", "orlop0", ranges, Path("/s"), **changes)
    attachment = Attachment("orlop", "c1", "eth0")
    pairs = tuple((pool, Allocation("orlop", pool.gateway + 1)) for pool in ranges)
    return Wish(config, attachment, Pod("default", "web"), "/run/netns/web", pairs)


def ready(made):
    gateways = frozenset(pool.interface(pool.gateway) for pool in made.config.ranges)
    return Observed(BRIDGE, gateways, frozenset({4, 6}), stale=False)


def kinds(plan):
    return [type(operation) for operation in plan]


def test_a_fresh_node_gets_bridge_forwarding_and_rules_first():
    plan = plan_add(wish(ip_masq=True), NOTHING_YET)
    assert kinds(plan) == [
        op.EnableForwarding,
        op.EnsureMasquerade,
        op.CreateBridge,
        op.AddGateway,
        op.CreatePair,
        op.ConfigurePort,
        op.BringUpPod,
        op.AddPodAddress,
        op.AddPodRoute,
    ]


def test_a_node_that_is_set_up_gets_only_the_pod():
    made = wish()
    plan = plan_add(made, ready(made))
    assert kinds(plan)[0] is op.CreatePair
    assert op.AddGateway not in kinds(plan)


def test_a_lost_gateway_address_and_a_bridge_that_is_down_are_mended():
    made = wish()
    seen = replace(ready(made), bridge=replace(BRIDGE, up=False), bridge_addresses=frozenset())
    assert kinds(plan_add(made, seen))[:2] == [op.BringUpBridge, op.AddGateway]


def test_what_an_earlier_add_left_goes_before_the_pair_is_made():
    made = wish()
    plan = plan_add(made, replace(ready(made), stale=True))
    assert kinds(plan)[:2] == [op.DeleteLink, op.CreatePair]
    assert plan[0].name == plan[1].name


def test_another_device_of_the_bridges_name_is_refused():
    made = wish()
    with pytest.raises(KernelError, match="orlop0 as bridge: it exists and is a vlan; name another one"):
        plan_add(made, replace(ready(made), bridge=replace(BRIDGE, kind="vlan")))


def test_two_families_give_two_addresses_and_two_default_routes():
    made = wish("10.244.1.0/24", "fd00:1::/64")
    plan = plan_add(made, ready(made))
    addresses = [str(one.address) for one in plan if isinstance(one, op.AddPodAddress)]
    routes = [str(one.route.dst) for one in plan if isinstance(one, op.AddPodRoute)]
    assert addresses == ["10.244.1.2/24", "fd00:1::2/64"]
    assert routes == ["0.0.0.0/0", "::/0"]
    assert op.EnablePodIpv6 in kinds(plan)


def test_two_ranges_of_one_family_give_one_default_route():
    made = wish("10.244.1.0/24", "10.244.9.0/24")
    routes = [one.route for one in plan_add(made, ready(made)) if isinstance(one, op.AddPodRoute)]
    assert [(str(route.dst), str(route.gateway)) for route in routes] == [("0.0.0.0/0", "10.244.1.1")]


def test_the_plan_can_be_printed_without_a_node():
    settings = Settings(("10.244.1.0/24",), Path("/s"), Path("/s/n"), Path("/b"), Path("/c"), mtu=1400)
    lines = plan_lines(settings, Pod("default", "web"))
    assert "ip addr add 10.244.1.1/24 dev orlop0" in lines
    assert any("type veth" in line and "mtu 1400" in line and "vweb-" in line for line in lines)
    assert "# in the pod: ip route add 0.0.0.0/0 via 10.244.1.1 dev eth0" in lines


IDENTIFIER = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]{0,70}", fullmatch=True)


@given(IDENTIFIER, IDENTIFIER, st.text(max_size=300))
def test_every_attachment_gets_a_name_that_the_kernel_takes(container, network, pod):
    attachment = Attachment(network, container, "eth0")
    name = names.host_veth(attachment, Pod("ns", pod))
    assert len(name.encode()) <= 15
    assert not set(name) & set("/: \t\n")
    assert len(names.alias(attachment, Pod("ns", pod)).encode()) <= 255
    assert names.key_of_alias(names.alias(attachment, Pod("ns", pod)), network) == attachment.key


def test_names_are_readable():
    attachment = Attachment("orlop", "c" * 64, "eth0")
    assert names.host_veth(attachment, Pod("default", "web")).startswith("vweb-")
    assert " default/web " in names.alias(attachment, Pod("default", "web"))
    assert names.key_of_alias("orlop other 0123", "orlop") == ""


def test_the_hardware_address_follows_from_the_address():
    assert names.pod_mac(ip_address("10.244.1.2")) == "0a:58:0a:f4:01:02"
    macs = {names.pod_mac(ip_address(f"fd00::{number:x}")) for number in range(64)}
    assert len(macs) == 64
    assert all(mac.startswith("0a:58:") for mac in macs)


def test_rules_are_recognised_by_their_hash():
    rules = MasqueradeRules("n", (ip_interface("10.0.0.0/8").network,), ())
    other = MasqueradeRules("n", (ip_interface("10.0.0.0/9").network,), ())
    listing = "type nat hook postrouting priority srcnat;\n" + rules.commands()
    assert rules.are_in(listing)
    assert not other.are_in(listing)
    assert not rules.are_in(listing + other.commands())
    assert not rules.are_in("")
