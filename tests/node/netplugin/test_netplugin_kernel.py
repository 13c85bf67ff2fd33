# SPDX-License-Identifier: Apache-2.0
"""What goes beyond the reference: undo, CHECK in detail, dual-stack, static addresses, GC, loopback."""

import json
from dataclasses import replace

import pytest

from netplugin.ipam import read_allocations
from tests.node.netplugin.conftest import ours
from tests.support.cni import Runtime, addresses_of
from tests.support.netdaemon import daemon
from tests.support.netns import namespace
from tests.support.packets import pings, seen_source
from tests.support.wait import until

pytestmark = pytest.mark.node


def held(settings):
    return {str(one.address): one.container_id for one in read_allocations(settings.state_dir)}


def pairs(node):
    return {name for name in node.links() if name != "orlop0"}


def test_names_and_files_explain_themselves(runtime, settings, node, pod):
    result = runtime.add(pod)
    host = result["interfaces"][1]["name"]
    assert host.startswith("vweb-")
    link = node.links()[host]
    assert "default/web" in link["ifalias"]
    assert link["linkinfo"]["info_slave_data"]["hairpin"] is True
    content = json.loads((settings.state_dir / "ipam" / "orlop" / "10.244.1.2").read_text())
    assert (content["podNamespace"], content["podName"], content["hostVeth"]) == ("default", "web", host)
    assert content["addMilliseconds"] > 0


def test_the_hardware_address_follows_the_address(runtime, pod):
    assert runtime.add(pod)["interfaces"][2]["mac"] == "0a:58:0a:f4:01:02"


def test_the_bridge_keeps_its_hardware_address(runtime, node, new_pod):
    first = runtime.add(new_pod(), "c1")["interfaces"][0]["mac"]
    for number in range(2, 6):
        runtime.add(new_pod(), f"c{number}")
    assert node.links()["orlop0"]["address"] == first == "0a:58:0a:f4:01:01"


def test_a_failed_add_takes_everything_back(runtime, settings, node, pod):
    pod.run("ip", "link", "add", "eth0", "type", "bridge")
    answer = runtime.call("ADD", pod)
    assert answer.code == 1
    message = answer.result["msg"]
    assert message.startswith("cannot attach pod default/web: ")
    assert "eth0 in the pod" in message
    assert "File exists" in message
    assert pairs(node) == set()
    assert held(settings) == {}


def test_a_full_pool_leaves_nothing_and_names_pod_and_pool(runtime, settings, node, new_pod):
    small = {"ranges": [{"subnet": "10.244.1.0/30"}]}
    runtime.add(new_pod(), "c1", **small)
    late = new_pod()
    answer = runtime.call("ADD", late, "c2", name="late", **small)
    assert answer.code == 1
    message = answer.result["msg"]
    assert message.startswith(
        "cannot attach pod default/late: address pool 10.244.1.0/30 is full (1 of 1 in use)"
    )
    assert late.links() == {}
    assert len(pairs(node)) == 1
    assert list(held(settings).values()) == ["c1"]


def test_a_repeated_add_gives_the_same_address_and_one_interface(runtime, node, pod):
    first = runtime.add(pod)
    assert runtime.add(pod) == first
    assert len(pairs(node)) == 1
    assert pings(pod, "10.244.1.1")


TAMPERING = {
    "the route": ("pod", "ip route del default", "the pod lacks the route to 0.0.0.0/0 via 10.244.1.1"),
    "the address": ("pod", "ip addr flush dev eth0", "eth0 lacks the address 10.244.1.2/24"),
    "pod's end down": ("pod", "ip link set eth0 down", "eth0 is down in the pod"),
    "pod's end renamed": ("pod", "ip link set eth0 down name eth9", "eth0 is missing in the pod"),
    "hardware address": ("pod", "ip link set eth0 address 0a:58:00:00:00:01", "has the hardware address"),
    "node's end down": ("node", "ip link set {veth} down", "{veth} is down on the node"),
    "out of the bridge": ("node", "ip link set {veth} nomaster", "{veth} is not in bridge orlop0"),
    "hairpin": ("node", "bridge link set dev {veth} hairpin off", "hairpin mode of {veth} is off"),
    "gateway": ("node", "ip addr flush dev orlop0", "lacks the gateway address 10.244.1.1/24"),
    "bridge down": ("node", "ip link set orlop0 down", "bridge orlop0 is down"),
    "bridge gone": ("node", "ip link del orlop0", "bridge orlop0 is missing"),
    "address file": ("node", "rm {state}/ipam/orlop/10.244.1.2", "address 10.244.1.2 is not held"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_check_says_what_differs(in_process, settings, node, pod, what):
    result = in_process.add(pod)
    where, command, words = TAMPERING[what]
    names = {"veth": result["interfaces"][1]["name"], "state": settings.state_dir}
    {"pod": pod, "node": node}[where].run(*command.format(**names).split())
    answer = in_process.check(pod, result)
    assert answer.result["code"] == 103
    assert words.format(**names) in answer.result["msg"]


def test_check_accepts_what_a_later_plugin_added(in_process, pod):
    result = in_process.add(pod)
    pod.run("ip", "route", "add", "198.51.100.0/24", "via", "10.244.1.1")
    pod.run("ip", "addr", "add", "198.51.100.9/32", "dev", "eth0")
    in_process.check(pod, result).ok()


@pytest.mark.parametrize("previous", [None, {"interfaces": []}, {"interfaces": 5}, {"ips": [{"address": 1}]}])
def test_check_without_a_usable_result_is_an_error_of_the_config(in_process, pod, previous):
    in_process.add(pod)
    answer = in_process.check(pod, previous)
    assert answer.result["code"] == 7
    assert "prevResult" in answer.result["msg"]


def test_both_families(node, settings, new_pod):
    dual = replace(settings, pod_cidrs=("10.244.1.0/24", "fd00:1::/64"))
    with daemon(node, dual):
        runtime = ours(node, dual)
        one, other = new_pod(), new_pod()
        result = runtime.add(one, "c1")
        first = addresses_of(result)
        second = addresses_of(runtime.add(other, "c2"))
        assert first == ["10.244.1.2", "fd00:1::2"]
        for mine, theirs in zip(first, second, strict=True):
            assert seen_source(one, other, theirs) == mine
        assert pings(one, "fd00:1::1")
        assert [route["dst"] for route in result["routes"]] == ["0.0.0.0/0", "::/0"]
        runtime.check(one, result).ok()
        with namespace("out") as outside:
            node.run(
                "ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", outside.name
            )
            for where, device, number in ((node, "up0", 1), (outside, "eth0", 2)):
                where.run("ip", "addr", "add", f"2001:db8::{number}/64", "dev", device, "nodad")
                where.run("ip", "link", "set", device, "up")
            assert seen_source(one, outside, "2001:db8::2") == "2001:db8::1"
        runtime.delete(one, "c1")
        assert set(held(dual).values()) == {"c2"}


def test_ipv6_works_where_the_pod_has_it_switched_off(node, settings, pod):
    only6 = replace(settings, pod_cidrs=("fd00:1::/64",))
    pod.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    ours(node, only6).add(pod)
    assert pings(pod, "fd00:1::1")


def test_the_mtu_is_set_on_both_ends(in_process, node, pod):
    result = in_process.add(pod, mtu=1400, cniVersion="1.1.0")
    assert pod.links()["eth0"]["mtu"] == 1400
    assert node.links()[result["interfaces"][1]["name"]]["mtu"] == 1400
    assert [interface.get("mtu") for interface in result["interfaces"]] == [None, 1400, 1400]


@pytest.mark.parametrize(
    ("keys", "environ"),
    [
        ({"runtimeConfig": {"ips": ["10.244.1.77/24"]}}, {}),
        ({"args": {"cni": {"ips": ["10.244.1.77"]}}}, {}),
        ({}, {"CNI_ARGS": "IP=10.244.1.77"}),
    ],
)
def test_an_address_can_be_asked_for(in_process, pod, new_pod, keys, environ):
    runtime = replace(in_process, environ=environ)
    assert addresses_of(runtime.add(pod, **keys)) == ["10.244.1.77"]
    answer = runtime.call("ADD", new_pod(), "c2", **keys)
    assert answer.result["code"] == 101
    assert "10.244.1.77 is in use" in answer.result["msg"]


def test_a_capability_that_we_do_not_have_is_refused(in_process, pod):
    answer = in_process.call("ADD", pod, runtimeConfig={"bandwidth": {"ingressRate": 1}})
    assert answer.result["code"] == 2
    assert "runtimeConfig.bandwidth" in answer.result["msg"]


def test_del_does_not_care_what_the_config_says_today(in_process, settings, node, pod):
    in_process.add(pod)
    in_process.delete(pod, bridge="other0", ranges=[], mtu="nonsense", ipam=5)
    assert pairs(node) == set()
    assert held(settings) == {}


def test_del_finds_a_link_whose_allocation_was_lost(in_process, settings, node, pod):
    in_process.add(pod)
    (settings.state_dir / "ipam" / "orlop" / "10.244.1.2").unlink()
    in_process.delete(pod, name="")  # no pod name either, from which the link's name follows
    assert pairs(node) == set()


def test_gc_removes_what_is_not_valid_and_nothing_else(runtime, settings, node, new_pod):
    pods = {name: new_pod() for name in ("keep", "drop", "lost")}
    for name, pod in pods.items():
        runtime.add(pod, name)
    (settings.state_dir / "ipam" / "orlop" / "10.244.1.4").unlink()
    (settings.state_dir / "ipam" / "orlop" / "10.244.1.9").write_bytes(b"")
    node.run("ip", "link", "add", "veth-alien", "type", "veth", "peer", "name", "alien")
    node.run("ip", "link", "set", "veth-alien", "master", "orlop0")
    runtime.collect("keep").ok()
    assert held(settings) == {"10.244.1.2": "keep"}
    assert pods["keep"].addresses("eth0") == ["10.244.1.2/24"]
    assert pods["drop"].links() == pods["lost"].links() == {}
    assert "veth-alien" in node.links()
    runtime.collect().ok()
    assert held(settings) == {}


def test_gc_spares_what_is_young(in_process, settings, node, pod):
    in_process.add(pod)
    in_process.collect(gcMinAge=60).ok()
    assert held(settings) == {"10.244.1.2": "c1"}
    assert len(pairs(node)) == 1


def test_gc_leaves_other_networks_alone(in_process, settings, node, new_pod):
    other = replace(in_process, config={**in_process.config, "name": "other", "bridge": "other0"})
    other = replace(other, config={**other.config, "ranges": [{"subnet": "10.250.0.0/24"}]})
    pod = new_pod()
    other.add(pod, "theirs")
    in_process.collect().ok()
    assert held(settings) == {"10.250.0.2": "theirs"}
    assert pod.addresses("eth0") == ["10.250.0.2/24"]


def test_gc_needs_its_list(in_process):
    answer = in_process.call("GC", "", "", cniVersion="1.1.0")
    assert answer.result["code"] == 7
    assert "cni.dev/valid-attachments" in answer.result["msg"]


def test_rules_are_written_by_an_add_without_daemon(in_process, node, new_pod):
    in_process.add(new_pod(), "c1")
    node.run("nft", "flush", "ruleset")
    in_process.add(new_pod(), "c2")
    assert b"masquerade" in node.run("nft", "list", "ruleset").stdout


def test_flushed_rules_come_back_by_the_daemon_alone(node, settings):
    def present():
        return b"masquerade" in node.run("nft", "list", "ruleset").stdout

    with daemon(node, settings, interval=0.05):
        assert present()
        node.run("nft", "flush", "ruleset")
        until(present)
        node.run("nft", "flush", "chain", "inet", "orlop-netplugin", "masquerade-orlop")
        until(present)


def test_rules_are_not_written_for_every_pod(runtime, node, new_pod):
    runtime.add(new_pod(), "c1")
    before = node.run("nft", "list", "ruleset").stdout
    for number in range(2, 5):
        runtime.add(new_pod(), f"c{number}")
    assert node.run("nft", "list", "ruleset").stdout == before
    assert before.count(b"masquerade fully-random") == 1


def lo_is_up(pod):
    [link] = pod.ip("link", "show", "lo")
    return "UP" in link["flags"]


LOOPBACK = {"cniVersion": "0.3.1", "name": "cni-loopback", "type": "loopback"}


@pytest.mark.parametrize("kind", ["ours", "reference"])
def test_loopback_is_brought_up_and_down(request, runtime, node, pod, kind):
    folder = runtime.folder if kind == "ours" else request.getfixturevalue("reference_folder")
    loopback = Runtime(node, folder, LOOPBACK)
    pod.run("ip", "link", "set", "lo", "down")
    result = loopback.add(pod, ifname="lo")
    assert result["cniVersion"] == "0.3.1"
    [interface] = result["interfaces"]
    assert (interface["name"], interface["sandbox"]) == ("lo", pod.path)
    assert "127.0.0.1/8" in [ip["address"] for ip in result["ips"]]
    assert lo_is_up(pod)
    checking = {**LOOPBACK, "cniVersion": "1.0.0", "prevResult": {**result, "cniVersion": "1.0.0"}}
    assert loopback.call("CHECK", pod, ifname="lo", **checking).code == 0
    loopback.delete(pod, ifname="lo")
    loopback.delete(pod, ifname="lo")
    assert not lo_is_up(pod)
    assert loopback.call("CHECK", pod, ifname="lo", **checking).code == 1
    with namespace("short") as gone:
        pass
    loopback.delete(gone, ifname="lo")


@pytest.fixture
def reference_folder():
    from tests.node.netplugin.conftest import REFERENCE

    if not (REFERENCE / "loopback").exists():
        pytest.skip("containernetworking-plugins is not installed")
    return REFERENCE


def test_a_chained_loopback_hands_the_result_on(in_process, node, pod):
    previous = {"cniVersion": "1.0.0", "interfaces": [{"name": "x"}]}
    loopback = Runtime(node, in_process.folder, {**LOOPBACK, "cniVersion": "1.0.0"})
    assert loopback.add(pod, ifname="lo", prevResult=previous) == previous
