# SPDX-License-Identifier: Apache-2.0
"""lab.json: a lab's specification on disk, which is also the mark that a folder belongs to a lab."""

import json
import os
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from lab.errors import LabError, LabNotFoundError
from lab.model import SPEC_FILE, LabSpec, NodeSpec

FORMAT = 1


def render(spec: LabSpec) -> dict[str, Any]:
    """The specification as JSON values."""
    return {
        "format": FORMAT,
        "name": spec.name,
        "root": str(spec.paths.root),
        "nodes": [
            {"name": node.name, "address": str(node.address), "podCIDR": str(node.pod_cidr)}
            for node in spec.nodes
        ],
        "switchAddress": str(spec.switch_address),
        "clusterCIDR": str(spec.cluster_cidr),
        "serviceCIDR": str(spec.service_cidr),
        "containerdFolder": spec.containerd_folder,
        "nodeCommand": list(spec.node_command),
        "nodeReady": spec.node_ready,
        "snapshotter": spec.snapshotter,
        "controlplane": spec.controlplane,
        "controlplaneAddress": str(spec.controlplane_address),
        "apiPort": spec.api_port,
    }


def parse(values: dict[str, Any]) -> LabSpec:
    """The inverse of render; raises KeyError, TypeError or ValueError for anything else."""
    if values["format"] != FORMAT:
        raise ValueError(f"its format is {values['format']!r}, this version knows {FORMAT}")
    return LabSpec(
        name=values["name"],
        root=Path(values["root"]),
        nodes=tuple(
            NodeSpec(node["name"], IPv4Interface(node["address"]), IPv4Network(node["podCIDR"]))
            for node in values["nodes"]
        ),
        switch_address=IPv4Interface(values["switchAddress"]),
        cluster_cidr=IPv4Network(values["clusterCIDR"]),
        service_cidr=IPv4Network(values["serviceCIDR"]),
        containerd_folder=values["containerdFolder"],
        node_command=tuple(values["nodeCommand"]),
        node_ready=values["nodeReady"],
        snapshotter=values["snapshotter"],
        **_controlplane(values),
    )


def _controlplane(values: dict[str, Any]) -> dict[str, Any]:
    """What an older lab.json lacks: such a lab gets its control plane with the next `up`."""
    found: dict[str, Any] = {}
    if "controlplane" in values:
        found["controlplane"] = bool(values["controlplane"])
    if "controlplaneAddress" in values:
        found["controlplane_address"] = IPv4Interface(values["controlplaneAddress"])
    if "apiPort" in values:
        found["api_port"] = int(values["apiPort"])
    return found


def read(root: Path) -> LabSpec:
    """The lab whose files are below `root`; LabNotFoundError without one, LabError for a broken lab.json."""
    path = root / SPEC_FILE
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        raise LabNotFoundError(f"cannot find a lab in {root}: there is no {SPEC_FILE}") from None
    try:
        spec = parse(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"cannot read {path}: {error!r}; `orlop up` writes this file whole") from error
    if spec.root != Path(os.path.realpath(root)):
        raise LabError(f"cannot use lab {spec.name} in {root}: it was made as {spec.root}; move it back")
    return spec


def is_written(spec: LabSpec) -> bool:
    """Whether lab.json says just this."""
    path = spec.paths.spec
    return path.exists() and path.read_text() == _text(spec)


def write(spec: LabSpec) -> None:
    """Write lab.json whole or not at all."""
    path = spec.paths.spec
    new = path.with_name(unfinished_name())
    new.write_text(_text(spec))
    new.replace(path)


def _text(spec: LabSpec) -> str:
    return json.dumps(render(spec), indent=2) + "\n"


def unfinished_name() -> str:
    """The file that a crash in the middle of the first write leaves; it alone does not make a folder foreign."""
    return f".{SPEC_FILE}.new"


def difference(old: LabSpec, new: LabSpec) -> tuple[str, ...]:
    """The names of the values in which two specifications differ."""
    before, after = render(old), render(new)
    return tuple(name for name in before if before[name] != after[name])
