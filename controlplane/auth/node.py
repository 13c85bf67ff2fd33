# SPDX-License-Identifier: Apache-2.0
"""The Node authorizer: a node reads what its pods need, and nothing of other nodes' pods.

It allows, or has no opinion and says why not; what every node may do is the table of defaults.nodes.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from controlplane.auth.defaults.nodes import NODE_RULES
from controlplane.auth.graph import NodeGraph
from controlplane.auth.names import node_of
from controlplane.auth.references import Reference
from controlplane.request import Attributes, Decision

LEASE_NAMESPACE: Final = "kube-node-lease"
_ALLOWED: Final = Decision(allowed=True, reason="the Node authorizer")
_GRAPH_VERBS: Final[Mapping[tuple[str, str], tuple[frozenset[str], frozenset[str]]]] = {
    # (group, plural): verbs of the resource itself, and subresources with update and patch.
    ("", "secrets"): (frozenset({"get", "list", "watch"}), frozenset()),
    ("", "configmaps"): (frozenset({"get", "list", "watch"}), frozenset()),
    ("", "persistentvolumeclaims"): (frozenset({"get"}), frozenset({"status"})),
    ("", "persistentvolumes"): (frozenset({"get"}), frozenset()),
    ("storage.k8s.io", "volumeattachments"): (frozenset({"get"}), frozenset()),
}
# Objects named like the node: group and plural, and the namespace they live in.
_OWN: Final = {("coordination.k8s.io", "leases"): LEASE_NAMESPACE, ("storage.k8s.io", "csinodes"): ""}
_OWN_VERBS: Final = frozenset({"get", "update", "patch", "delete"})
_READ: Final = frozenset({"get", "list", "watch"})

CatchUp = Callable[[], Awaitable[None]]


class NodeAuthorizer:
    """Decides for users of the group system:nodes only."""

    def __init__(self, graph: NodeGraph, catch_up: CatchUp) -> None:
        """catch_up returns when the graph knows all writes so far (or after a short while): it is awaited before a no,
        for a node hears of its new pod at the same moment as the graph does.
        """
        self._graph = graph
        self._catch_up = catch_up

    async def authorize(self, attributes: Attributes) -> Decision:
        """Allow, or have no opinion."""
        node = node_of(attributes.user)
        if node is None:
            return Decision()
        if not node:
            return Decision(reason=f"unknown node for user {attributes.user.name!r}")
        if attributes.resource:
            decision = await self._resource(node, attributes)
            if decision is not None:
                return decision
        return _ALLOWED if any(rule.allows(attributes) for rule in NODE_RULES) else Decision()

    async def _resource(self, node: str, asked: Attributes) -> Decision | None:
        """For resources that depend on the node; None for all others."""
        kind = (asked.group, asked.resource)
        if kind in _GRAPH_VERBS:
            return await self._needed(node, asked, *_GRAPH_VERBS[kind])
        if kind in _OWN:
            return _own(node, asked, _OWN[kind])
        if kind == ("", "serviceaccounts"):
            return await self._account(node, asked)
        if kind == ("", "pods") and not asked.subresource and asked.verb in _READ:
            return await self._pod(node, asked)
        return None

    async def _needed(
        self, node: str, asked: Attributes, verbs: frozenset[str], subresources: frozenset[str]
    ) -> Decision:
        if asked.subresource:
            fits = asked.subresource in subresources and asked.verb in {"update", "patch"}
        else:
            fits = asked.verb in verbs
        if not fits:
            return Decision(reason=f"a node may only {'/'.join(sorted(verbs))} {asked.resource}")
        return await self._connected(node, asked)

    async def _account(self, node: str, asked: Attributes) -> Decision:
        if asked.verb == "create" and asked.subresource == "token":
            return await self._connected(node, asked)
        return Decision(reason="a node may only create tokens of service accounts")

    async def _pod(self, node: str, asked: Attributes) -> Decision:
        if asked.verb != "get" or not asked.name:
            if _selects_node(asked.field_selector, node):
                return _ALLOWED
            return Decision(reason=f"can only list/watch pods with spec.nodeName field selector {node!r}")
        return await self._connected(node, asked)

    async def _connected(self, node: str, asked: Attributes) -> Decision:
        name = asked.name or _selected_name(asked.field_selector)
        if not name:
            return Decision(reason=f"no object name: a node reads {asked.resource} one by one")
        wanted = Reference(asked.resource, asked.namespace, name)
        if self._graph.connects(node, wanted):
            return _ALLOWED
        await self._catch_up()
        if self._graph.connects(node, wanted):
            return _ALLOWED
        return Decision(reason=f"no relationship found between node {node!r} and this object")


def _own(node: str, asked: Attributes, namespace: str) -> Decision:
    if asked.namespace != namespace or asked.subresource:
        return Decision(reason=f"a node has its {asked.resource} in the namespace {namespace!r} only")
    if asked.verb == "create" and asked.name in {"", node}:
        # A create does not always tell the name here: NodeRestriction looks at the object.
        return _ALLOWED
    if asked.verb in _OWN_VERBS and asked.name == node:
        return _ALLOWED
    return Decision(
        reason=f"node {node!r} may only get, create, update, patch and delete the one of its name"
    )


def _selects_node(selector: str, node: str) -> bool:
    """Whether every object that the selector lets through is of this node: its terms are all required."""
    return any(
        term.strip() in {f"spec.nodeName={node}", f"spec.nodeName=={node}"} for term in selector.split(",")
    )


def _selected_name(selector: str) -> str:
    """The only name that the selector lets through, "" if it lets more through."""
    for term in selector.split(","):
        field, _, name = term.strip().partition("=")
        if field == "metadata.name":
            return name.removeprefix("=")
    return ""
