# SPDX-License-Identifier: Apache-2.0
"""On which nodes a DaemonSet wants a pod, and the pod for one of them; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controlplane.controllers import meta, pods
from controlplane.scheduler.filters import affinity, node_name, taints
from controlplane.scheduler.model import NodeState, PodInfo, Taint
from controlplane.scheduler.read import node_state, pod_info
from kube.kinds import DAEMON_SETS

Json = dict[str, Any]

HASH_LABEL: Final = "controller-revision-hash"

_NODE_NAME: Final = "metadata.name"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
# A daemon serves its node while the node is in trouble, too (Kubernetes' documentation of DaemonSet, "Taints").
_BORNE: Final = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)
_BORNE_BY_HOST_NETWORK: Final = (("network-unavailable", "NoSchedule"),)


@dataclass(frozen=True, slots=True)
class Place:
    """A node: whether a pod should be there (wanted), whether one that is there may stay (stays), and its pods."""

    node: str
    wanted: bool
    stays: bool
    pods: tuple[Json, ...] = ()


def places(daemons: Json, nodes: Iterable[Json], owned: Iterable[Json]) -> list[Place]:
    """Every node, in order of names, with the DaemonSet's pods on it or on their way to it, the oldest first."""
    there: dict[str, list[Json]] = {}
    for pod in sorted(owned, key=_age):
        there.setdefault(target(pod), []).append(pod)
    found, asked = [], _as_asked(daemons)
    for node in sorted(nodes, key=lambda one: str(one["metadata"]["name"])):
        name = node["metadata"]["name"]
        wanted, stays = _judge(asked, node)
        found.append(Place(name, wanted, stays, tuple(there.get(name, ()))))
    return found


def astray(nodes: Iterable[Json], owned: Iterable[Json]) -> list[Json]:
    """Pods that wait for a node which is not there (any more)."""
    names = {node["metadata"]["name"] for node in nodes}
    return [pod for pod in owned if not pod["spec"].get("nodeName") and target(pod) not in names]


def target(pod: Json) -> str:
    """The node that a daemon's pod is on, or the one that it was made for; "" when nothing says it."""
    if node := pod["spec"].get("nodeName"):
        return str(node)
    required = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED) or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if (field["key"], field["operator"], len(field["values"])) == (_NODE_NAME, "In", 1):
                return str(field["values"][0])
    return ""


def pod_for(daemons: Json, node: str, revision: str) -> Json:
    """A new pod for this node, which the scheduler can only send there."""
    made = pods.from_template(daemons, DAEMON_SETS, daemons["spec"]["template"])
    made["metadata"]["labels"] = {**(made["metadata"].get("labels") or {}), HASH_LABEL: revision}
    spec = made["spec"]
    field = {"key": _NODE_NAME, "operator": "In", "values": [node]}
    wishes = spec.get("affinity") or {}
    spec["affinity"] = {
        **wishes,
        "nodeAffinity": {
            **(wishes.get("nodeAffinity") or {}),
            _REQUIRED: {"nodeSelectorTerms": [{"matchFields": [field]}]},
        },
    }
    spec["tolerations"] = _tolerations(spec)
    return made


def _tolerations(spec: Json) -> list[Json]:
    borne = (*_BORNE, *(_BORNE_BY_HOST_NETWORK if spec.get("hostNetwork") else ()))
    own = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
        for name, effect in borne
    ]
    return [
        *(spec.get("tolerations") or ()),
        *(each for each in own if each not in (spec.get("tolerations") or ())),
    ]


def _judge(asked: PodInfo, node: Json) -> tuple[bool, bool]:
    state = node_state(node)
    if node_name(asked, state) or affinity(asked, state):
        return False, False
    if not taints(asked, state):
        return True, True
    return False, not taints(asked, _only_evicting(state))


def _as_asked(daemons: Json) -> PodInfo:
    """The template's own wishes, with the tolerations of every daemon."""
    template = daemons["spec"]["template"]
    spec = {**template["spec"], "tolerations": _tolerations(template["spec"])}
    return pod_info({"metadata": {"namespace": daemons["metadata"]["namespace"], "name": ""}, "spec": spec})


def _only_evicting(state: NodeState) -> NodeState:
    hard: Sequence[Taint] = [taint for taint in state.taints if taint.effect == "NoExecute"]
    return NodeState(state.name, state.labels, tuple(hard))


def _age(pod: Json) -> tuple[Any, ...]:
    return meta.parse_time(pod["metadata"]["creationTimestamp"]), pod["metadata"]["name"]
