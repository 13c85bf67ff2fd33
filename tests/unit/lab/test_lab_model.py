# SPDX-License-Identifier: Apache-2.0
"""What a lab may be, where its files are, and that lab.json says all of it."""

import dataclasses
import json
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab import (
    LabError,
    LabNotFoundError,
    LabRefusedError,
    LabSpec,
    NodeSpec,
    controlplaneconfig,
    nodeconfig,
    numbered_node,
    port,
    ready,
    specfile,
)

SPEC = LabSpec(name="demo", root=Path("/lab"))


@pytest.mark.parametrize("name", ["", "Demo", "a b", "../x", "-a", "a-", "x" * 33, "a/b"])
def test_a_name_that_cannot_name_a_folder_or_cgroup_is_refused(name: str) -> None:
    with pytest.raises(LabRefusedError, match="cannot name a lab"):
        LabSpec(name=name)


@pytest.mark.parametrize("name", ["", "Node", "switch", "controlplane", "lo", "sw0", "x" * 16, "a/b"])
def test_a_node_name_that_cannot_name_a_link_is_refused(name: str) -> None:
    with pytest.raises(LabRefusedError, match="cannot name a node"):
        replace(numbered_node(1), name=name)


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ((), "without a node"),
        ((numbered_node(1), numbered_node(1)), "name node1 is given twice"),
        (
            (numbered_node(1), replace(numbered_node(2), address=numbered_node(1).address)),
            "address 172.30.0.11",
        ),
        (
            (numbered_node(1), replace(numbered_node(2), pod_cidr=numbered_node(1).pod_cidr)),
            "pod range 10.244.1",
        ),
        (
            (replace(numbered_node(1), address=IPv4Interface("172.30.0.1/24")),),
            "address 172.30.0.1 is given twice",
        ),
        (
            (replace(numbered_node(1), address=IPv4Interface("172.30.0.2/24")),),
            "address 172.30.0.2 is given twice",
        ),
        ((replace(numbered_node(1), address=IPv4Interface("192.0.2.1/24")),), "not on the switch's network"),
    ],
)
def test_nodes_that_contradict_each_other_are_refused(nodes: tuple[NodeSpec, ...], why: str) -> None:
    with pytest.raises(LabRefusedError, match=why):
        LabSpec(nodes=nodes)


def test_an_unknown_snapshotter_is_refused() -> None:
    with pytest.raises(LabRefusedError, match="use overlayfs or native"):
        LabSpec(snapshotter="zfs")


def test_a_control_plane_that_is_not_on_the_switch_is_refused() -> None:
    elsewhere = IPv4Interface("192.0.2.1/24")
    with pytest.raises(
        LabRefusedError, match=r"controlplane's address 192\.0\.2\.1/24 is not on the switch's"
    ):
        LabSpec(controlplane_address=elsewhere)
    LabSpec(controlplane=False, controlplane_address=elsewhere)


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_api_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(LabRefusedError, match="use 1 to 65535, or 0 for a free one"):
        LabSpec(api_port=port)


def test_the_url_is_known_once_there_is_a_port() -> None:
    assert SPEC.api_url == ""
    assert replace(SPEC, api_port=7000).api_url == "https://127.0.0.1:7000"
    assert replace(SPEC, api_port=7000, controlplane=False).api_url == ""


def test_everything_is_below_the_root() -> None:
    node = SPEC.paths.node("node1")
    for value in (node, SPEC.paths, SPEC.paths.controlplane):
        for name in (name for name in dir(type(value)) if not name.startswith("_")):
            path = getattr(value, name)
            if isinstance(path, Path) and name not in {"netns_folder", "namespace_link", "switch_link"}:
                assert path.is_relative_to("/lab"), name
    assert SPEC.paths.nodes == (node,)
    for place in (node, SPEC.paths.controlplane):
        assert all(folder.parent in place.folders for folder in place.folders[1:])
    assert SPEC.paths.controlplane.cgroup == "/orlop-demo/controlplane"
    assert str(SPEC.paths.controlplane.namespace_link) == "/run/netns/demo-controlplane"


def test_the_default_root_is_named_after_the_lab() -> None:
    assert LabSpec(name="demo").paths.root == Path("/var/lib/orlop/demo")


names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in {"switch", "controlplane", "sw0", "lo"}
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
specs = st.builds(
    lambda **values: LabSpec(
        **{
            **values,
            "nodes": tuple(
                replace(numbered_node(number), name=name)
                for number, name in enumerate(values["nodes"], start=1)
            ),
        }
    ),
    name=names,
    root=st.just(Path("/lab")),
    nodes=st.lists(names, min_size=1, max_size=4, unique=True),
    cluster_cidr=st.sampled_from([IPv4Network("10.0.0.0/8"), IPv4Network("10.244.0.0/16")]),
    containerd_folder=words,
    node_command=st.lists(words, max_size=3).map(tuple),
    node_ready=words,
    snapshotter=st.sampled_from(["overlayfs", "native"]),
    controlplane=st.booleans(),
    controlplane_address=st.sampled_from([IPv4Interface("172.30.0.2/24"), IPv4Interface("172.30.0.250/24")]),
    api_port=st.integers(0, 65535),
)


@given(specs)
def test_lab_json_says_everything(spec: LabSpec) -> None:
    assert specfile.parse(json.loads(json.dumps(specfile.render(spec)))) == spec


def test_every_value_is_in_lab_json() -> None:
    assert len(specfile.render(SPEC)) == len(dataclasses.fields(LabSpec)) + 1


def test_the_lab_json_of_an_older_lab_still_opens() -> None:
    values = specfile.render(SPEC)
    for name in ("controlplane", "controlplaneAddress", "apiPort"):
        del values[name]
    assert specfile.parse(values) == SPEC


def test_a_written_lab_json_is_known(tmp_path: Path) -> None:
    spec = replace(SPEC, root=tmp_path)
    assert not specfile.is_written(spec)
    specfile.write(spec)
    assert specfile.is_written(spec)
    assert not specfile.is_written(replace(spec, api_port=7000))


def test_lab_json_is_found_again_and_told_apart(tmp_path: Path) -> None:
    spec = replace(SPEC, root=tmp_path)
    with pytest.raises(LabNotFoundError, match=r"there is no lab\.json"):
        specfile.read(tmp_path)
    specfile.write(spec)
    assert specfile.read(tmp_path) == spec
    assert specfile.difference(spec, replace(spec, node_ready="x", snapshotter="native")) == (
        "nodeReady",
        "snapshotter",
    )
    (tmp_path / "moved").mkdir()
    (tmp_path / "lab.json").rename(tmp_path / "moved" / "lab.json")
    with pytest.raises(LabError, match="move it back"):
        specfile.read(tmp_path / "moved")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_broken_lab_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.json").write_text(text)
    with pytest.raises(LabError, match=rf"cannot read {tmp_path}/lab\.json"):
        specfile.read(tmp_path)


@given(specs)
def test_node_yaml_is_yaml_of_the_values(spec: LabSpec) -> None:
    for node in spec.nodes:
        assert yaml.safe_load(nodeconfig.render(spec, node)) == nodeconfig.values(spec, node)


def test_node_yaml_is_what_the_node_reads(tmp_path: Path) -> None:
    from cli.config import read_config

    path = tmp_path / "node.yaml"
    path.write_text(nodeconfig.render(SPEC, SPEC.nodes[0]))
    config = read_config(path)
    assert config.name == "node1"
    assert config.cgroupRoot == "/orlop-demo/node1"
    assert config.network.podCIDRs == ["10.244.1.0/24"]
    assert config.network.nonMasqueradeCIDRs == ["10.244.0.0/16", "10.96.0.0/16"]
    assert config.runtime.socket == "/lab/node1/containerd/containerd.sock"
    assert config.api is not None
    assert config.api.kubeconfig == "/lab/node1/pki/kubeconfig"
    assert config.api.clusterDNS == ["10.96.0.10"]


def test_node_yaml_of_a_lab_without_control_plane_has_no_api(tmp_path: Path) -> None:
    from cli.config import read_config

    path = tmp_path / "node.yaml"
    path.write_text(nodeconfig.render(replace(SPEC, controlplane=False), SPEC.nodes[0]))
    assert read_config(path).api is None


@given(specs)
def test_controlplane_yaml_is_yaml_of_the_values(spec: LabSpec) -> None:
    assert yaml.safe_load(controlplaneconfig.render(spec)) == controlplaneconfig.values(spec)


def test_controlplane_yaml_is_what_the_control_plane_reads(tmp_path: Path) -> None:
    from cli.controlplaneconfig import read_config

    path = tmp_path / "controlplane.yaml"
    path.write_text(controlplaneconfig.render(replace(SPEC, api_port=7000)))
    config = read_config(path)
    assert (config.address, config.port) == ("172.30.0.2", 6443)
    assert config.store == "sqlite:///lab/controlplane/store.db"
    assert config.pki == Path("/lab/controlplane/pki")
    assert config.service_cidrs == ("10.96.0.0/16",)
    assert config.kubeconfig is not None
    assert config.kubeconfig.server == "https://127.0.0.1:7000"
    assert config.kubeconfig.path == Path("/lab/controlplane/kubeconfig")


def test_a_lab_keeps_to_its_port_and_another_one_to_its_own(tmp_path: Path) -> None:
    first = port.choose(tmp_path)
    assert port.FIRST <= first < port.FIRST + port.COUNT
    with port.bound(first) as taken:
        assert port.choose(tmp_path) != first
        assert not ready.accepts(first)
        taken.listen()
        assert ready.accepts(first)
        with pytest.raises(LabError, match=rf"127\.0\.0\.1:{first}: .*another process has it"):
            port.bound(first)
