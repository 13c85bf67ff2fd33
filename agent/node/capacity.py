# SPDX-License-Identifier: Apache-2.0
"""How much a node has, and how much of it pods may use (pure)."""

from collections.abc import Mapping
from typing import Final

from agent.node.config import NodeSettings
from agent.node.machine import Disk, Machine
from agent.node.thresholds import hard_threshold, reserved
from kube.quantity import ZERO, Quantity, parse

CPU: Final = "cpu"
MEMORY: Final = "memory"
STORAGE: Final = "ephemeral-storage"
PODS: Final = "pods"
HUGE_PAGES: Final = "hugepages-"

# The eviction signal that keeps some of a resource free, and so out of what pods may ask for.
_SIGNALS: Final = {MEMORY: "memory.available", STORAGE: "nodefs.available"}

Resources = Mapping[str, Quantity]


def capacity(machine: Machine, disk: Disk, settings: NodeSettings) -> dict[str, Quantity]:
    """Everything by resource name; memory and disks in whole KiB, as the kubelet tells them."""
    return {
        CPU: parse(str(machine.cpus)),
        MEMORY: _kib(machine.memory),
        STORAGE: _kib(disk.size),
        PODS: parse(str(settings.max_pods)),
        **{f"{HUGE_PAGES}{size}": parse(str(amount)) for size, amount in machine.huge_pages.items()},
    }


def allocatable(whole: Resources, settings: NodeSettings) -> dict[str, Quantity]:
    """What pods may ask for: without what is reserved, without what eviction keeps free, without huge pages."""
    left = {}
    for resource, amount in whole.items():
        kept = reserved(settings, resource)
        if signal := _SIGNALS.get(resource):
            kept += parse(str(hard_threshold(settings.eviction_hard, signal, amount.value())))
        if resource == MEMORY:
            for name, pages in whole.items():
                kept += pages if name.startswith(HUGE_PAGES) else ZERO
        left[resource] = max(amount - kept, ZERO)
    return left


def _kib(amount: int) -> Quantity:
    return parse(f"{amount // 1024}Ki")
