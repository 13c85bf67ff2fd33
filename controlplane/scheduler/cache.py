# SPDX-License-Identifier: Apache-2.0
"""What is on which node: what the API server told, and the pods that were sent to a node and not yet seen there."""

from collections.abc import Collection
from typing import Any

from controlplane.scheduler.index import PodIndex
from controlplane.scheduler.model import NodeState, PodInfo
from controlplane.scheduler.read import node_state

Json = dict[str, Any]
Key = tuple[str, str]


class Cache:
    """Kept current by place, remove and the node methods; `states` and `index` are what decide() is asked with."""

    def __init__(self) -> None:
        self.states: dict[str, NodeState] = {}
        self.index = PodIndex()
        self._nodes: dict[str, Json] = {}
        self._placed: dict[Key, tuple[str, PodInfo]] = {}
        self._by_node: dict[str, dict[Key, PodInfo]] = {}
        self._assumed: set[Key] = set()

    def set_node(self, node: Json) -> None:
        """A node is there, or changed."""
        self._nodes[node["metadata"]["name"]] = node
        self._refresh(node["metadata"]["name"])

    def remove_node(self, name: str) -> None:
        """A node is gone; its pods are remembered until they are gone too."""
        self._nodes.pop(name, None)
        self._refresh(name)

    def place(self, pod: PodInfo, node: str, *, assumed: bool = False) -> None:
        """The pod takes its place on the node; assumed: we sent it there and nobody confirmed it."""
        self.remove(pod.key)
        self._placed[pod.key] = node, pod
        self._by_node.setdefault(node, {})[pod.key] = pod
        self.index.add(pod, node)
        if assumed:
            self._assumed.add(pod.key)
        self._refresh(node)

    def remove(self, key: Key) -> None:
        """The pod takes no place any more."""
        self._assumed.discard(key)
        found = self._placed.pop(key, None)
        if found is None:
            return
        node, pod = found
        self.index.remove(pod, node)
        del self._by_node[node][key]
        if not self._by_node[node]:
            del self._by_node[node]
        self._refresh(node)

    def is_assumed(self, key: Key) -> bool:
        """Whether the pod was sent to a node and nobody confirmed it."""
        return key in self._assumed

    def placed(self) -> Collection[Key]:
        """The pods that have a place."""
        return self._placed.keys()

    def _refresh(self, name: str) -> None:
        node = self._nodes.get(name)
        if node is None:
            self.states.pop(name, None)
        else:
            self.states[name] = node_state(node, self._by_node.get(name, {}).values())
