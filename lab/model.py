# SPDX-License-Identifier: Apache-2.0
"""What a lab is, where its files are and how it fares, as frozen values."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from lab.errors import LabRefusedError
from lab.paths import CONTROLPLANE, SPEC_FILE, SWITCH, ControlPlanePaths, LabPaths, NodePaths, PlacePaths

DEFAULT_PARENT = Path("/var/lib/orlop")
CNI_NETWORK = "orlop"
CNI_BRIDGE = "orlop0"
SWITCH_BRIDGE = "sw0"
NODE_LINK = "eth0"

HOST_ADDRESS = "127.0.0.1"
"""Where the host's clients reach the control plane."""
API_PORT = 6443
"""Where the control plane's own address answers, as Kubernetes has it."""

__all__ = [
    "CONTROLPLANE",
    "SPEC_FILE",
    "SWITCH",
    "ControlPlanePaths",
    "ControlPlaneStatus",
    "LabPaths",
    "LabSpec",
    "LabStatus",
    "NodePaths",
    "NodeSpec",
    "NodeStatus",
    "PlacePaths",
    "ProcessStatus",
    "default_root",
    "numbered_node",
]

_SWITCH_ADDRESS = IPv4Interface("172.30.0.1/24")
_CONTROLPLANE_ADDRESS = IPv4Interface("172.30.0.2/24")
_CLUSTER_CIDR = IPv4Network("10.244.0.0/16")
_SERVICE_CIDR = IPv4Network("10.96.0.0/16")
_LAB_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


def default_root(name: str, parent: Path = DEFAULT_PARENT) -> Path:
    """The folder of the lab `name` unless one is chosen."""
    return parent / name


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: its name (also its port on the switch, hence at most 15 characters), address, pod range."""

    name: str
    address: IPv4Interface
    pod_cidr: IPv4Network

    def __post_init__(self) -> None:
        """Refuse a name that cannot name a link and a folder."""
        if not _NODE_NAME.fullmatch(self.name) or self.name in {
            SWITCH,
            CONTROLPLANE,
            SWITCH_BRIDGE,
            "lo",
        }:
            raise LabRefusedError(
                f"cannot name a node {self.name!r}: at most 15 of a-z, 0-9 and '-', and not "
                f"{SWITCH}, {CONTROLPLANE}, {SWITCH_BRIDGE} or lo"
            )


def numbered_node(number: int) -> NodeSpec:
    """The usual node: node1 has 172.30.0.11/24 and the pods 10.244.1.0/24, node2 follows."""
    return NodeSpec(
        name=f"node{number}",
        address=IPv4Interface(f"172.30.0.{10 + number}/24"),
        pod_cidr=IPv4Network(f"10.244.{number}.0/24"),
    )


def _one_node() -> tuple[NodeSpec, ...]:
    return (numbered_node(1),)


@dataclass(frozen=True, slots=True)
class LabSpec:
    """Everything that makes a lab; lab.json below the root holds the same values.

    root: the folder of everything; None is default_root(name).
    containerd_folder: where containerd, its shim, runc and ctr are (flat, or bin, sbin, usr/bin, usr/sbin
    below it); "" takes those on PATH.
    node_command: what runs on each node beside containerd, with {config} for the path of node.yaml; () is
    `orlop node --config PATH` by the Python that runs the supervisor.
    node_ready: the socket below the node's run folder that accepts connections once the node works; "" is
    content with a living process.
    snapshotter: containerd's, one of overlayfs and native (copies files; for a root on an overlay).
    controlplane: whether the lab has one, at controlplane_address on the switch.
    api_port: where clients on the host reach the control plane, at 127.0.0.1; 0 chooses one that is free when the lab
    is made, and keeps it.
    """

    name: str = "orlop"
    root: Path | None = None
    nodes: tuple[NodeSpec, ...] = field(default_factory=_one_node)
    switch_address: IPv4Interface = _SWITCH_ADDRESS
    cluster_cidr: IPv4Network = _CLUSTER_CIDR
    service_cidr: IPv4Network = _SERVICE_CIDR
    containerd_folder: str = ""
    node_command: tuple[str, ...] = ()
    node_ready: str = "agent.sock"
    snapshotter: str = "overlayfs"
    controlplane: bool = True
    controlplane_address: IPv4Interface = _CONTROLPLANE_ADDRESS
    api_port: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work: names, doubled nodes, addresses that are not on the switch's network."""
        if not _LAB_NAME.fullmatch(self.name):
            raise LabRefusedError(f"cannot name a lab {self.name!r}: at most 32 of a-z, 0-9 and '-'")
        if self.snapshotter not in {"overlayfs", "native"}:
            raise LabRefusedError(f"cannot use snapshotter {self.snapshotter!r}: use overlayfs or native")
        if not 0 <= self.api_port < 65536:
            raise LabRefusedError(f"cannot use API port {self.api_port}: use 1 to 65535, or 0 for a free one")
        _check_nodes(self)

    @property
    def api_url(self) -> str:
        """Where clients on the host reach the control plane; "" without one or before it has a port."""
        return f"https://{HOST_ADDRESS}:{self.api_port}" if self.controlplane and self.api_port else ""

    @property
    def paths(self) -> LabPaths:
        """Where the lab's files are."""
        names = tuple(node.name for node in self.nodes)
        return LabPaths(self.name, self.root or default_root(self.name), names)


def _check_nodes(spec: LabSpec) -> None:
    places = [(node.name, node.address) for node in spec.nodes]
    if spec.controlplane:
        places.append((CONTROLPLANE, spec.controlplane_address))
    if not spec.nodes:
        raise LabRefusedError(f"cannot make lab {spec.name} without a node")
    for what, values in (
        ("name", [node.name for node in spec.nodes]),
        ("address", [str(spec.switch_address.ip), *(str(address.ip) for _, address in places)]),
        ("pod range", [str(node.pod_cidr) for node in spec.nodes]),
    ):
        doubled = sorted({value for value in values if values.count(value) > 1})
        if doubled:
            raise LabRefusedError(f"cannot make lab {spec.name}: {what} {', '.join(doubled)} is given twice")
    for name, address in places:
        if address.network != spec.switch_address.network:
            raise LabRefusedError(
                f"cannot make lab {spec.name}: {name}'s address {address} is not on the switch's "
                f"network {spec.switch_address.network}"
            )


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """A supervised process: its pid while it lives, since when (seconds since the epoch), how often restarted."""

    pid: int | None = None
    running_since: float | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How a node fares. namespace: its network namespace is there."""

    name: str
    address: IPv4Interface
    pod_cidr: IPv4Network
    namespace: bool
    containerd: ProcessStatus
    node: ProcessStatus

    @property
    def up(self) -> bool:
        """Everything that the lab makes for the node is there."""
        return self.namespace and self.containerd.pid is not None and self.node.pid is not None


@dataclass(frozen=True, slots=True)
class ControlPlaneStatus:
    """How the control plane fares. url: for clients on the host, "" before the first `up` has chosen its port."""

    url: str
    namespace: bool
    process: ProcessStatus

    @property
    def up(self) -> bool:
        """Its namespace is there and its process lives."""
        return self.namespace and self.process.pid is not None


@dataclass(frozen=True, slots=True)
class LabStatus:
    """How a lab fares. controlplane: None in a lab that has none."""

    name: str
    root: Path
    supervisor: int | None
    nodes: tuple[NodeStatus, ...]
    controlplane: ControlPlaneStatus | None = None

    @property
    def up(self) -> bool:
        """The supervisor lives, every node is up and so is the control plane, if there is one."""
        served = self.controlplane is None or self.controlplane.up
        return self.supervisor is not None and served and all(node.up for node in self.nodes)
