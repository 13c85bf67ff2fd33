# SPDX-License-Identifier: Apache-2.0
"""From API objects to the scheduler's values; pure."""

from collections.abc import Iterable
from typing import Any

from controlplane.scheduler.model import HostPort, NodeState, NodeTerm, PodInfo, Taint, Toleration
from controlplane.scheduler.read_relations import pod_terms, pod_wishes, spreads
from kube.quantity import parse
from kube.selector import Requirement, from_expression, from_labels

Json = dict[str, Any]


def pod_info(pod: Json) -> PodInfo:
    """What a pod asks for. Raises SelectorError or QuantityError for what the API server should have refused."""
    spec, metadata = pod["spec"], pod["metadata"]
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return PodInfo(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        requests=pod_requests(spec),
        ports=tuple(_host_ports(spec)),
        priority=spec.get("priority") or 0,
        node_name=spec.get("nodeName") or "",
        node_selector=from_labels(spec.get("nodeSelector") or {}).requirements,
        node_terms=tuple(map(_term, required["nodeSelectorTerms"])) if required else None,
        preferred=tuple((item["weight"], _term(item["preference"])) for item in preferred),
        tolerations=tuple(map(_toleration, spec.get("tolerations") or ())),
        unsupported=tuple(_unsupported(spec)),
        labels=metadata.get("labels") or {},
        near=tuple(pod_terms(pod, "podAffinity")),
        apart=tuple(pod_terms(pod, "podAntiAffinity")),
        wishes=tuple(pod_wishes(pod)),
        spread=tuple(spreads(pod)),
        going="deletionTimestamp" in metadata,
        images=tuple(_tagged(container.get("image") or "") for container in spec["containers"]),
    )


def node_state(node: Json, pods: Iterable[PodInfo] = ()) -> NodeState:
    """A node with these pods on it."""
    spec, status = node.get("spec", {}), node.get("status", {})
    placed = list(pods)
    return NodeState(
        name=node["metadata"]["name"],
        labels=node["metadata"].get("labels") or {},
        taints=tuple(
            Taint(item["key"], item.get("value", ""), item["effect"]) for item in spec.get("taints") or ()
        ),
        unschedulable=bool(spec.get("unschedulable")),
        allocatable=_amounts(status.get("allocatable") or status.get("capacity") or {}),
        used=_sum(pod.requests for pod in placed),
        pods=len(placed),
        ports=tuple(port for pod in placed for port in pod.ports),
        images=_images(status),
    )


def pod_requests(spec: Json) -> dict[str, int]:
    """What the pod takes at its worst moment: all containers, or an init container beside the sidecars before it.

    As the kubelet counts it (KEP-753); requests of the whole pod win where they are given (KEP-2837).
    """
    running: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        own = _requests(container)
        if container.get("restartPolicy") == "Always":
            running = _sum((running, own))
        else:
            peak = _most(peak, _sum((running, own)))
    running = _sum((running, *map(_requests, spec["containers"])))
    total = {**_most(running, peak), **_requests(spec)}
    return _sum((total, _amounts(spec.get("overhead") or {})))


def _requests(holder: Json) -> dict[str, int]:
    return _amounts((holder.get("resources") or {}).get("requests") or {})


def _amounts(quantities: Json) -> dict[str, int]:
    return {
        name: parse(text).milli_value() if name == "cpu" else parse(text).value()
        for name, text in quantities.items()
    }


def _sum(parts: Iterable[Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return total


def _most(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def _host_ports(spec: Json) -> Iterable[HostPort]:
    sidecars = (item for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always")
    for container in (*spec["containers"], *sidecars):
        for port in container.get("ports") or ():
            number = port.get("hostPort") or (port["containerPort"] if spec.get("hostNetwork") else 0)
            if number:
                yield HostPort(port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", number)


def _tagged(image: str) -> str:
    """As a node names it: with a tag or a digest."""
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"


def _images(status: Json) -> dict[str, int]:
    return {
        name: item.get("sizeBytes", 0)
        for item in status.get("images") or ()
        for name in item.get("names") or ()
    }


def _term(term: Json) -> NodeTerm:
    def read(name: str) -> tuple[Requirement, ...]:
        return tuple(map(from_expression, term.get(name) or ()))

    return NodeTerm(read("matchExpressions"), read("matchFields"))


def _toleration(item: Json) -> Toleration:
    operator = item.get("operator") or "Equal"
    return Toleration(item.get("key") or "", operator, item.get("value") or "", item.get("effect") or "")


def _unsupported(spec: Json) -> Iterable[str]:
    """Demands that would be broken if they were overlooked."""
    if spec.get("resourceClaims"):
        yield "resource claims"
