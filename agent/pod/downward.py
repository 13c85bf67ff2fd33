# SPDX-License-Identifier: Apache-2.0
"""The downward API: what a pod's containers may learn of the pod and its node, as texts.

Paths, formats and defaults are those of Kubernetes (pkg/fieldpath, pkg/api/v1/resource).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from lightkube.models import core_v1, meta_v1

from agent.cgroup.resources import all_containers, limits_of, pod_level_limits, requests_of, spec_of
from agent.pod.errors import ConfigError
from agent.pod.facts import PodFacts
from agent.pod.goquote import quote
from kube.quantity import ZERO, Quantity, parse

_SUBSCRIPT: Final = re.compile(r"(metadata\.(?:labels|annotations))\['(.*)'\]", re.DOTALL)
_ONE: Final = parse("1")
# What a container without a limit may use up to, and hence sees as its limit.
_NODE_DEFAULTS: Final = ("cpu", "memory", "ephemeral-storage")

Values = Mapping[str, Callable[[core_v1.Pod, PodFacts], str]]


def _metadata(pod: core_v1.Pod) -> meta_v1.ObjectMeta:
    return pod.metadata or meta_v1.ObjectMeta()


_FIELDS: Final[Values] = {
    "metadata.name": lambda pod, _: _metadata(pod).name or "",
    "metadata.namespace": lambda pod, _: _metadata(pod).namespace or "",
    "metadata.uid": lambda pod, _: _metadata(pod).uid or "",
    "metadata.labels": lambda pod, _: _lines(_metadata(pod).labels),
    "metadata.annotations": lambda pod, _: _lines(_metadata(pod).annotations),
    "spec.nodeName": lambda _, facts: facts.node_name,
    "spec.serviceAccountName": lambda pod, _: spec_of(pod).serviceAccountName or "",
    "status.hostIP": lambda _, facts: next(iter(facts.host_ips), ""),
    "status.hostIPs": lambda _, facts: ",".join(facts.host_ips),
    "status.podIP": lambda _, facts: next(iter(facts.pod_ips), ""),
    "status.podIPs": lambda _, facts: ",".join(facts.pod_ips),
}


def field_value(pod: core_v1.Pod, path: str, facts: PodFacts) -> str:
    """What fieldRef.fieldPath stands for; a label or annotation that is not there is "". Raises ConfigError."""
    if found := _SUBSCRIPT.fullmatch(path):
        metadata = _metadata(pod)
        values = metadata.labels if found[1] == "metadata.labels" else metadata.annotations
        return str((values or {}).get(found[2], ""))
    if path not in _FIELDS:
        raise ConfigError(
            f"unsupported fieldPath: {path}; accepted: {', '.join(_FIELDS)}, and ['key'] of labels"
        )
    return _FIELDS[path](pod, facts)


def resource_value(
    pod: core_v1.Pod, own: core_v1.Container | None, selector: core_v1.ResourceFieldSelector, facts: PodFacts
) -> str:
    """What resourceFieldRef stands for; own is the container that asks, None for a volume. Raises ConfigError.

    CPU is rounded up to whole divisors of at least one milli, everything else to whole divisors of at least one.
    """
    container = own if own and selector.containerName in (None, "", own.name) else _named(pod, selector)
    amount = _amount(pod, container, selector.resource, facts)
    divisor = (parse(selector.divisor) if selector.divisor else ZERO) or _ONE
    if selector.resource in ("limits.cpu", "requests.cpu"):
        return _whole(amount.milli_value(), divisor.milli_value())
    return _whole(amount.value(), divisor.value())


def _named(pod: core_v1.Pod, selector: core_v1.ResourceFieldSelector) -> core_v1.Container:
    for container in all_containers(pod):
        if container.name == selector.containerName:
            return container
    raise ConfigError(f"container {selector.containerName or '(not named)'} not found")


def _amount(pod: core_v1.Pod, container: core_v1.Container, resource: str, facts: PodFacts) -> Quantity:
    kind, _, name = resource.partition(".")
    if kind not in ("limits", "requests") or not (name in _NODE_DEFAULTS or name.startswith("hugepages-")):
        raise ConfigError(f"unsupported container resource : {resource}")
    if kind == "requests":
        return requests_of(container).get(name, ZERO)
    limit = limits_of(container).get(name) or pod_level_limits(pod).get(name)
    return limit or (facts.allocatable.get(name, ZERO) if name in _NODE_DEFAULTS else ZERO)


def _whole(amount: int, divisor: int) -> str:
    return str(-(-amount // divisor))


def _lines(values: Mapping[str, str] | None) -> str:
    """One key="value" a line, sorted by key."""
    return "\n".join(f"{key}={quote(value)}" for key, value in sorted((values or {}).items()))
