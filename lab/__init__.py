# SPDX-License-Identifier: Apache-2.0
"""Clusters of real nodes in network namespaces on one machine."""

from typing import TYPE_CHECKING, Any

from lab.errors import LabError, LabLeftoverError, LabNotFoundError, LabRefusedError, LabStartError
from lab.identity import NodeIdentity
from lab.model import (
    ControlPlanePaths,
    ControlPlaneStatus,
    LabPaths,
    LabSpec,
    LabStatus,
    NodePaths,
    NodeSpec,
    NodeStatus,
    ProcessStatus,
    default_root,
    numbered_node,
)
from lab.syscalls import in_namespace

if TYPE_CHECKING:
    from lab.cluster import Lab, open_lab, remains_of

__all__ = [
    "ControlPlanePaths",
    "ControlPlaneStatus",
    "Lab",
    "LabError",
    "LabLeftoverError",
    "LabNotFoundError",
    "LabPaths",
    "LabRefusedError",
    "LabSpec",
    "LabStartError",
    "LabStatus",
    "NodeIdentity",
    "NodePaths",
    "NodeSpec",
    "NodeStatus",
    "ProcessStatus",
    "default_root",
    "in_namespace",
    "numbered_node",
    "open_lab",
    "remains_of",
]


def __getattr__(name: str) -> Any:
    """Import netlink only for who makes labs: the supervisor, which lives for long, stays small without it."""
    if name in {"Lab", "open_lab", "remains_of"}:
        from lab import cluster

        return getattr(cluster, name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
