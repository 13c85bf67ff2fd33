# SPDX-License-Identifier: Apache-2.0
"""ADD and DEL of the main plugin: address, plan, kernel, result; and the way back."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from netplugin import names
from netplugin.apply import Scene, Step, apply
from netplugin.config import read_host_ports, read_wanted_addresses
from netplugin.errors import KernelError, NetpluginError
from netplugin.hostports import publisher
from netplugin.ipam import Holder, Store
from netplugin.keeper import RuleKeeper
from netplugin.lock import attachment_lock
from netplugin.model import Allocation, Attachment, Json, NetworkConfig
from netplugin.namespaces import opened
from netplugin.netlink import Netlink, netlink_in, node_netlink
from netplugin.observe import observe
from netplugin.plan import Wish, plan_add
from netplugin.request import Request
from netplugin.result import add_result


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a verb needs of the process it runs in: /proc/sys, a clock in epoch seconds, and the two hooks."""

    proc_sys: Path
    now: Callable[[], float]
    keeper: RuleKeeper
    step: Step


def add(request: Request, config: NetworkConfig, around: Surroundings) -> Json:
    """Connect the pod; on any error everything that concerns this pod alone is taken back."""
    try:
        with attachment_lock(config.state_dir, request.attachment):
            return _add(request, config, around)
    except NetpluginError as error:
        raise error.within(f"cannot attach {_whom(request)}") from error


def delete(request: Request, state_dir: Path, around: Surroundings) -> None:
    """Disconnect the pod; what is gone already is no error, and the config of today does not matter.

    The link goes before the address, so that no other pod gets the address while it still answers for it.
    """
    store = Store(state_dir, request.attachment.network)
    with attachment_lock(state_dir, request.attachment):
        held = store.held_by(request.attachment)
        delete_links(request, held)
        around.step("links deleted")
        if held:
            store.release(request.attachment, publisher(store.network))
            around.step("addresses released")


def delete_links(request: Request, held: tuple[Allocation, ...]) -> None:
    """Delete the attachment's pair by the name written down, the name it should have, or its label."""
    node = node_netlink()
    expected = names.host_veth(request.attachment, request.pod)
    for name in {one.host_veth for one in held if one.host_veth} or {expected}:
        if node.delete_link(name):
            return
    delete_labelled(node, request.attachment)


def delete_labelled(node: Netlink, attachment: Attachment) -> None:
    """Delete every interface whose alias says that it is the attachment's."""
    for link in node.links():
        if names.key_of_alias(link.alias, attachment.network) == attachment.key:
            node.delete_link(link.name)


def _add(request: Request, config: NetworkConfig, around: Surroundings) -> Json:
    started = time.perf_counter()
    store = Store(config.state_dir, config.name)
    host_veth = names.host_veth(request.attachment, request.pod)
    holder = Holder(request.netns, request.pod, host_veth, config.bridge, read_host_ports(request))
    with ExitStack() as undo:
        allocations, new = store.allocate(
            request.attachment, holder, config.ranges, read_wanted_addresses(request), around.now()
        )
        if new:
            undo.callback(store.release, request.attachment, publisher(store.network))
        around.step("addresses allocated")
        pairs = tuple(zip(config.ranges, allocations, strict=True))
        wish = Wish(config, request.attachment, request.pod, request.netns, pairs)
        left_over = "" if new else host_veth
        result = _connect(wish, left_over, around, undo)
        undo.pop_all()
    store.finish(allocations, (time.perf_counter() - started) * 1000)
    around.step("finished")
    return result


def _connect(wish: Wish, left_over: str, around: Surroundings, undo: ExitStack) -> Json:
    node = node_netlink()
    try:
        with opened(wish.netns) as namespace, netlink_in(namespace) as pod:
            observed = observe(node, around.proc_sys, wish.config, left_over)
            store = Store(wish.config.state_dir, wish.config.name)
            scene = Scene(node, pod, namespace, around.proc_sys, around.keeper, store)
            apply(plan_add(wish, observed), scene, undo, around.step)
            bridge = observed.bridge.mac if observed.bridge else wish.bridge_mac
            return add_result(wish, bridge, _mtu(pod, wish))
    except FileNotFoundError:
        raise KernelError(f"there is no network namespace at {wish.netns}") from None


def _mtu(pod: Netlink, wish: Wish) -> int:
    if wish.config.mtu or wish.config.version != "1.1.0":
        return wish.config.mtu  # earlier versions have no place for it
    link = pod.link(wish.attachment.ifname)
    return link.mtu if link else 0


def _whom(request: Request) -> str:
    return f"pod {request.pod}" if str(request.pod) else f"container {request.attachment.container_id}"
