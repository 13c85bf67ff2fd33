# SPDX-License-Identifier: Apache-2.0
"""Performs a plan: each operation in turn, its inverse kept until all have succeeded."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netplugin import operations as op
from netplugin.errors import KernelError
from netplugin.hostports import publisher
from netplugin.ipam import Store
from netplugin.keeper import RuleKeeper
from netplugin.model import Peer
from netplugin.namespaces import run_in
from netplugin.netlink import Netlink

Step = Callable[[str], None]
"""Called with a name when something durable or visible has happened; tests kill the process there."""


def no_step(_name: str) -> None:
    """The step of a process that is not under test."""


@dataclass(slots=True)
class Scene:
    """Where operations take effect; proc_sys is /proc/sys, namespace the pod's open descriptor."""

    node: Netlink
    pod: Netlink
    namespace: int
    proc_sys: Path
    keeper: RuleKeeper
    store: Store
    _indexes: dict[tuple[int, str], int] = field(default_factory=dict)

    def index(self, netlink: Netlink, name: str) -> int:
        """The interface's index on that side, asked for once."""
        key = (id(netlink), name)
        if key not in self._indexes:
            link = netlink.link(name)
            if link is None:
                raise KernelError(f"cannot find interface {name}: somebody deleted it meanwhile")
            self._indexes[key] = link.index
        return self._indexes[key]


def apply(plan: Iterable[op.Operation], scene: Scene, undo: ExitStack, step: Step) -> None:
    """Perform the plan; push the inverse of what concerns this pod alone onto `undo`."""
    for operation in plan:
        _HOW[type(operation)](operation, scene, undo)
        step(type(operation).__name__)


def write_sysctl(path: Path, value: str) -> None:
    """Write a kernel parameter of the calling thread's namespace."""
    try:
        path.write_text(value)
    except OSError as error:
        raise KernelError(f"cannot write {value} to {path}: {error.strerror}", error.errno or 0) from error


def read_sysctl(path: Path) -> str:
    """Read a kernel parameter of the calling thread's namespace; "" when the kernel has none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _enable_forwarding(operation: op.EnableForwarding, scene: Scene, _undo: ExitStack) -> None:
    write_sysctl(scene.proc_sys / operation.sysctl, "1")


def _ensure_masquerade(operation: op.EnsureMasquerade, scene: Scene, _undo: ExitStack) -> None:
    scene.keeper.ensure(operation.rules)


def _create_bridge(operation: op.CreateBridge, scene: Scene, _undo: ExitStack) -> None:
    scene.node.create_bridge(operation.name, operation.mac, operation.mtu)


def _bring_up_bridge(operation: op.BringUpBridge, scene: Scene, _undo: ExitStack) -> None:
    scene.node.set_state(operation.name, up=True)


def _add_gateway(operation: op.AddGateway, scene: Scene, _undo: ExitStack) -> None:
    scene.node.add_address(scene.index(scene.node, operation.bridge), operation.address)


def _delete_link(operation: op.DeleteLink, scene: Scene, _undo: ExitStack) -> None:
    scene.node.delete_link(operation.name)


def _create_pair(operation: op.CreatePair, scene: Scene, undo: ExitStack) -> None:
    bridge = scene.index(scene.node, operation.bridge)
    peer = Peer(operation.ifname, operation.pod_mac, scene.namespace)
    scene.node.create_veth(operation.name, operation.mac, bridge, operation.mtu, peer)
    undo.callback(scene.node.delete_link, operation.name)


def _configure_port(operation: op.ConfigurePort, scene: Scene, _undo: ExitStack) -> None:
    scene.node.configure_port(operation.name, operation.alias)


def _enable_pod_ipv6(operation: op.EnablePodIpv6, scene: Scene, _undo: ExitStack) -> None:
    path = scene.proc_sys / operation.sysctl

    def enable() -> None:
        if read_sysctl(path) == "1":
            write_sysctl(path, "0")

    run_in(scene.namespace, enable)


def _bring_up_pod(operation: op.BringUpPod, scene: Scene, _undo: ExitStack) -> None:
    scene.pod.set_state(operation.ifname, up=True)


def _add_pod_address(operation: op.AddPodAddress, scene: Scene, _undo: ExitStack) -> None:
    scene.pod.add_address(scene.index(scene.pod, operation.ifname), operation.address)


def _add_pod_route(operation: op.AddPodRoute, scene: Scene, _undo: ExitStack) -> None:
    scene.pod.add_route(scene.index(scene.pod, operation.ifname), operation.route)


def _ensure_host_port_chains(operation: op.EnsureHostPortChains, scene: Scene, _undo: ExitStack) -> None:
    scene.keeper.ensure(operation.chains)


def _enable_localnet(operation: op.EnableLocalnet, scene: Scene, _undo: ExitStack) -> None:
    path = scene.proc_sys / operation.sysctl
    if read_sysctl(path) != "1":
        write_sysctl(path, "1")


def _publish_host_ports(operation: op.PublishHostPorts, scene: Scene, _undo: ExitStack) -> None:
    scene.store.publish(publisher(operation.elements.network))


_HOW: dict[type, Callable[[Any, Scene, ExitStack], None]] = {
    op.EnableForwarding: _enable_forwarding,
    op.EnsureMasquerade: _ensure_masquerade,
    op.CreateBridge: _create_bridge,
    op.BringUpBridge: _bring_up_bridge,
    op.AddGateway: _add_gateway,
    op.DeleteLink: _delete_link,
    op.CreatePair: _create_pair,
    op.ConfigurePort: _configure_port,
    op.EnablePodIpv6: _enable_pod_ipv6,
    op.BringUpPod: _bring_up_pod,
    op.AddPodAddress: _add_pod_address,
    op.AddPodRoute: _add_pod_route,
    op.EnsureHostPortChains: _ensure_host_port_chains,
    op.EnableLocalnet: _enable_localnet,
    op.PublishHostPorts: _publish_host_ports,
}
