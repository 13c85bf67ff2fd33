# SPDX-License-Identifier: Apache-2.0
"""A node without an API server, as admission looks at it: what it would register with."""

from agent.node.config import NodeSettings
from agent.node.fit import NodeView
from agent.node.machine import Roots, read_machine
from agent.node.report import Identity, labels_of


def view_alone(name: str, settings: NodeSettings) -> NodeView:
    """The node's own labels. Its pods are its owner's: nothing is counted, and no taint keeps them away."""
    labels = labels_of(Identity(name, (), 0), read_machine(Roots()), settings)
    return NodeView(name, labels, taints=(), allocatable={})
