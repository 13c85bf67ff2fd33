# SPDX-License-Identifier: Apache-2.0
"""Bad configs: each is refused with its field, what was wrong and what is accepted."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplugin.config import Settings, network_of, plugin_section, read_config
from netplugin.errors import ConfigError, NetpluginError
from netplugin.main import answer

GOOD = {
    "cniVersion": "1.0.0",
    "name": "orlop",
    "type": "orlop",
    "ranges": [{"subnet": "10.244.1.0/24"}],
    "stateDir": "/nonexistent/state",
}
ADD = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/none",
    "CNI_IFNAME": "eth0",
}

BAD_CONFIGS = [
    # what is changed, code, words of the message
    (
        {"ranges": [{"subnet": "10.244.1.0/33"}]},
        7,
        ["ranges[0].subnet", "10.244.1.0/33", "like 10.244.1.0/24"],
    ),
    ({"ranges": [{"subnet": "10.244.1.7/24"}]}, 7, ["ranges[0].subnet", "host bits"]),
    ({"ranges": [{"subnet": "10.244.1.0"}]}, 7, ["ranges[0].subnet", "prefix length is missing"]),
    ({"ranges": [{"subnet": "10.244.1.0/31"}]}, 7, ["too small", "/30 or larger"]),
    ({"ranges": [{"subnet": "224.0.0.0/8"}]}, 7, ["multicast"]),
    ({"ranges": [{}]}, 7, ["ranges[0].subnet is None"]),
    ({"ranges": []}, 7, ["ranges is []", "list of objects"]),
    ({"ranges": "10.244.1.0/24"}, 7, ["ranges is '10.244.1.0/24'"]),
    ({"ranges": ["10.244.1.0/24"]}, 7, ["ranges[0] is '10.244.1.0/24'"]),
    (
        {"ranges": [{"subnet": "10.244.1.0/24", "gateway": "10.244.2.1"}]},
        7,
        ["ranges[0].gateway 10.244.2.1", "outside", "10.244.1.1 to 10.244.1.254"],
    ),
    ({"ranges": [{"subnet": "10.244.1.0/24", "gateway": "x"}]}, 7, ["ranges[0].gateway is 'x'"]),
    (
        {"ranges": [{"subnet": "10.244.1.0/24", "rangeStart": "10.244.1.9", "rangeEnd": "10.244.1.5"}]},
        7,
        ["rangeStart 10.244.1.9", "after rangeEnd"],
    ),
    (
        {"ranges": [{"subnet": "10.244.1.0/24", "rangeEnd": "10.244.1.1"}]},
        7,
        ["no address left for a pod beside the gateway 10.244.1.1"],
    ),
    (
        {"ranges": [{"subnet": "10.244.1.0/24"}, {"subnet": "10.244.0.0/16"}]},
        7,
        ["ranges[0].subnet 10.244.1.0/24", "ranges[1].subnet 10.244.0.0/16", "overlap"],
    ),
    (
        {"ranges": [{"subnet": "10.244.1.0/24", "gw": "10.244.1.1"}]},
        2,
        ["ranges[0].gw='10.244.1.1'", "gateway"],
    ),
    ({"brigde": "cni0"}, 2, ["brigde='cni0'", "bridge"]),
    ({"ipam": {"type": "host-local"}}, 2, ["ipam=", "host-local", "ranges"]),
    ({"type": "bridge"}, 2, ["type='bridge'", "orlop, loopback"]),
    ({"prevResult": {"ips": []}}, 2, ["prevResult=", "first of its list"]),
    ({"bridge": "a-name-that-is-too-long"}, 7, ["bridge is 'a-name-that-is-too-long'", "1 to 15 bytes"]),
    ({"bridge": "a/b"}, 7, ["bridge is 'a/b'"]),
    ({"mtu": 100}, 7, ["mtu is 100", "576"]),
    ({"mtu": "1500"}, 7, ["mtu is '1500'"]),
    ({"mtu": True}, 7, ["mtu is True"]),
    ({"gcMinAge": -1}, 7, ["gcMinAge is -1", "seconds"]),
    ({"gcMinAge": "1m"}, 7, ["gcMinAge is '1m'"]),
    ({"ipMasq": "yes"}, 7, ["ipMasq is 'yes'", "true or false"]),
    ({"nonMasqueradeCIDRs": ["10.0.0.1/8"]}, 7, ["nonMasqueradeCIDRs", "10.0.0.1/8"]),
    ({"nonMasqueradeCIDRs": "10.0.0.0/8"}, 7, ["nonMasqueradeCIDRs is '10.0.0.0/8'", "list"]),
    ({"stateDir": "relative"}, 7, ["stateDir is 'relative'", "absolute path"]),
    ({"stateDir": None}, 7, ["stateDir is None"]),
    ({"name": "../etc"}, 7, ["name is '../etc'", "letters, digits"]),
    ({"name": ""}, 7, ["name is ''"]),
    ({"name": "n" * 65}, 7, ["1 to 64"]),
    ({"dns": []}, 7, ["dns is []", "object"]),
    ({"cniVersion": "2.0.0"}, 1, ["cniVersion is '2.0.0'", "1.1.0"]),
    ({"cniVersion": "0.2.0"}, 1, ["cniVersion is '0.2.0'"]),
    ({"cniVersion": 1}, 1, ["cniVersion is 1"]),
]

BAD_ENVIRONMENTS = [
    ({"CNI_COMMAND": ""}, ["CNI_COMMAND is ''", "ADD, DEL, CHECK, VERSION, STATUS, GC"]),
    ({"CNI_COMMAND": "add"}, ["CNI_COMMAND is 'add'"]),
    ({"CNI_CONTAINERID": ""}, ["CNI_CONTAINERID is not set"]),
    ({"CNI_CONTAINERID": "-a"}, ["CNI_CONTAINERID is '-a'"]),
    ({"CNI_CONTAINERID": "a/b"}, ["CNI_CONTAINERID is 'a/b'"]),
    ({"CNI_NETNS": ""}, ["CNI_NETNS is not set"]),
    ({"CNI_IFNAME": ""}, ["CNI_IFNAME is not set"]),
    ({"CNI_IFNAME": "a" * 16}, ["CNI_IFNAME", "1 to 15 bytes"]),
    ({"CNI_IFNAME": ".."}, ["CNI_IFNAME is '..'"]),
    ({"CNI_IFNAME": "a:b"}, ["CNI_IFNAME is 'a:b'"]),
    ({"CNI_ARGS": "K8S_POD_NAME"}, ["CNI_ARGS has 'K8S_POD_NAME'", "NAME=VALUE"]),
    ({"CNI_ARGS": "COLOUR=red"}, ["'COLOUR'", "IgnoreUnknown"]),
]


def call(config, environ=None):
    stdin = config if isinstance(config, bytes) else json.dumps(config).encode()
    made = answer({**ADD, **(environ or {})}, stdin)
    return made.code, json.loads(made.stdout) if made.stdout else None


@pytest.mark.parametrize(("change", "code", "words"), BAD_CONFIGS)
def test_a_bad_config_is_refused_by_name(change, code, words):
    status, result = call({**GOOD, **change})
    assert status == 1
    assert result["code"] == code, result
    for word in words:
        assert word in result["msg"], result["msg"]


@pytest.mark.parametrize(("change", "words"), BAD_ENVIRONMENTS)
def test_a_bad_environment_is_refused_by_name(change, words):
    status, result = call(GOOD, change)
    assert (status, result["code"]) == (1, 4)
    for word in words:
        assert word in result["msg"], result["msg"]


@pytest.mark.parametrize("stdin", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_standard_input_that_is_no_object_cannot_be_decoded(stdin):
    status, result = call(stdin)
    assert (status, result["code"]) == (1, 6)
    assert "standard input" in result["msg"]


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "mtu", "gcMinAge", "ipMasq", "dns", "runtimeConfig", "args", "zzz"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_no_config_makes_the_plugin_crash(change):
    """STATUS looks at everything in a config and touches nothing."""
    made = answer({"CNI_COMMAND": "STATUS"}, json.dumps({**GOOD, **change}).encode())
    assert b"internal error" not in made.stdout


def test_keys_of_the_specification_and_of_runtimes_are_known():
    config = read_config(
        {
            **GOOD,
            "args": {"anything": {"goes": True}},
            "capabilities": {"ips": True},
            "runtimeConfig": {},
            "cni.dev/valid-attachments": [],
            "dns": {"nameservers": ["10.96.0.10"]},
        }
    )
    assert config.dns == {"nameservers": ["10.96.0.10"]}


def test_what_install_writes_is_what_the_plugin_reads():
    settings = Settings(
        pod_cidrs=("10.244.1.0/24", "fd00:1::/64"),
        state_dir=Path("/s"),
        socket=Path("/s/sock"),
        cni_bin_dir=Path("/b"),
        cni_conf_dir=Path("/c"),
        non_masquerade_cidrs=("10.96.0.0/16",),
        mtu=1400,
        gc_min_age=0,
    )
    network = network_of(settings)
    assert [str(pool.subnet) for pool in network.ranges] == ["10.244.1.0/24", "fd00:1::/64"]
    assert [str(one) for one in network.non_masquerade] == ["10.96.0.0/16"]
    assert (network.mtu, network.gc_min_age, network.ip_masq, str(network.state_dir)) == (1400, 0, True, "/s")
    assert json.loads(json.dumps(plugin_section(settings)))["mtu"] == 1400


def test_impossible_settings_are_refused_before_anything_is_written(tmp_path):
    from netplugin.install import install

    settings = Settings(("10.244.1.0/99",), tmp_path, tmp_path / "s", tmp_path / "bin", tmp_path / "conf")
    with pytest.raises(ConfigError, match=r"10\.244\.1\.0/99"):
        install(settings)
    assert list(tmp_path.iterdir()) == []


def test_every_error_has_a_code_of_its_own():
    def below(kind):
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    codes = [kind.code for kind in below(NetpluginError)]
    assert len(set(codes)) == len(codes)
