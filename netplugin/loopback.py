# SPDX-License-Identifier: Apache-2.0
"""The `loopback` plugin, which containerd runs beside the main network: lo up, lo looked at, lo down."""

from netplugin.errors import CheckFailedError, KernelError
from netplugin.model import Json
from netplugin.namespaces import opened
from netplugin.netlink import netlink_in
from netplugin.request import Request
from netplugin.result import loopback_result

NAME = "lo"


def add(request: Request) -> Json:
    """Bring lo up; a chain's earlier result is handed on as it is."""
    try:
        with opened(request.netns) as namespace, netlink_in(namespace) as pod:
            pod.set_state(NAME, up=True)
            link = pod.link(NAME)
            addresses = sorted(map(str, pod.addresses(link.index))) if link else []
    except FileNotFoundError:
        raise KernelError(f"cannot bring lo up: there is no network namespace at {request.netns}") from None
    previous = request.config.get("prevResult")
    if isinstance(previous, dict):
        return previous
    return loopback_result(request.version, request.netns, addresses)


def delete(request: Request) -> None:
    """Take lo down, where there still is one."""
    if not request.netns:
        return
    try:
        with opened(request.netns) as namespace, netlink_in(namespace) as pod:
            pod.set_state(NAME, up=False)
    except (FileNotFoundError, KernelError):
        return


def check(request: Request) -> None:
    """Raise CheckFailedError when lo is not up."""
    try:
        with opened(request.netns) as namespace, netlink_in(namespace) as pod:
            link = pod.link(NAME)
    except FileNotFoundError:
        raise CheckFailedError(f"there is no network namespace at {request.netns}") from None
    if link is None or not link.up:
        raise CheckFailedError(f"lo is down in {request.netns}")
