# SPDX-License-Identifier: Apache-2.0
"""Looks at the node before an ADD; changes nothing."""

from pathlib import Path

from netplugin.apply import read_sysctl
from netplugin.model import NetworkConfig
from netplugin.netlink import Netlink
from netplugin.operations import EnableForwarding
from netplugin.plan import Observed


def observe(node: Netlink, proc_sys: Path, config: NetworkConfig, left_over: str) -> Observed:
    """What plan_add needs to know; proc_sys is /proc/sys.

    left_over names the pair that an earlier ADD of the same attachment may have left, "" when there was none.
    """
    bridge = node.link(config.bridge)
    versions = {pool.version for pool in config.ranges}
    return Observed(
        bridge=bridge,
        bridge_addresses=node.addresses(bridge.index) if bridge else frozenset(),
        forwarding=frozenset(one for one in versions if _forwards(proc_sys, one)),
        stale=bool(left_over) and node.link(left_over) is not None,
    )


def _forwards(proc_sys: Path, version: int) -> bool:
    return read_sysctl(proc_sys / EnableForwarding(version).sysctl) == "1"
