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
    nodeconfig,
    numbered_node,
    specfile,
)

SPEC = LabSpec(name="demo", root=Path("/lab"))


@pytest.mark.parametrize("name", ["", "Demo", "a b", "../x", "-a", "a-", "x" * 33, "a/b"])
def test_a_name_that_cannot_name_a_folder_or_cgroup_is_refused(name: str) -> None:
    with pytest.raises(LabRefusedError, match="cannot name a lab"):
        LabSpec(name=name)


@pytest.mark.parametrize("name", ["", "Node", "switch", "lo", "sw0", "x" * 16, "a/b"])
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
        ((replace(numbered_node(1), address=IPv4Interface("192.0.2.1/24")),), "not on the switch's network"),
    ],
)
def test_nodes_that_contradict_each_other_are_refused(nodes: tuple[NodeSpec, ...], why: str) -> None:
    with pytest.raises(LabRefusedError, match=why):
        LabSpec(nodes=nodes)


def test_an_unknown_snapshotter_is_refused() -> None:
    with pytest.raises(LabRefusedError, match="use overlayfs or native"):
        LabSpec(snapshotter="zfs")


def test_everything_is_below_the_root() -> None:
    node = SPEC.paths.node("node1")
    for value in (node, SPEC.paths):
        for name in (name for name in dir(type(value)) if not name.startswith("_")):
            path = getattr(value, name)
            if isinstance(path, Path) and name not in {"netns_folder", "namespace_link", "switch_link"}:
                assert path.is_relative_to("/lab"), name
    assert SPEC.paths.nodes == (node,)
    assert all(folder.parent == node.folder or folder.parent in node.folders for folder in node.folders[1:])


def test_the_default_root_is_named_after_the_lab() -> None:
    assert LabSpec(name="demo").paths.root == Path("/var/lib/orlop/demo")


names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in {"switch", "sw0", "lo"}
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
)


@given(specs)
def test_lab_json_says_everything(spec: LabSpec) -> None:
    assert specfile.parse(json.loads(json.dumps(specfile.render(spec)))) == spec


def test_every_value_is_in_lab_json() -> None:
    assert len(specfile.render(SPEC)) == len(dataclasses.fields(LabSpec)) + 1


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
