# SPDX-License-Identifier: Apache-2.0
"""What a pod asks for and may take in all, by the rules of k8s.io/component-helpers/resource; pure.

Application containers and sidecars (init containers with restartPolicy Always) run together, so they add
up. A plain init container runs alone beside the sidecars that were started before it. A pod asks for the
larger one.
"""

from collections.abc import Callable, Iterator, Mapping

from lightkube.models.core_v1 import Container, Pod, PodSpec, ResourceRequirements

from kube.quantity import ZERO, Quantity, parse

Amounts = Mapping[str, Quantity]
CPU = "cpu"
MEMORY = "memory"


def spec_of(pod: Pod) -> PodSpec:
    """The pod's spec; a pod without one asks for nothing."""
    return pod.spec if pod.spec is not None else PodSpec(containers=[])


def limits_of(container: Container) -> Amounts:
    """The container's limits by resource name."""
    return _limits(container.resources)


def requests_of(container: Container) -> Amounts:
    """The container's requests; what has a limit and no request asks for its limit."""
    return _requests(container.resources)


def is_sidecar(container: Container) -> bool:
    """Whether an init container goes on running beside the application."""
    return container.restartPolicy == "Always"


def all_containers(pod: Pod) -> Iterator[Container]:
    """Application and init containers; ephemeral ones may ask for nothing."""
    spec = spec_of(pod)
    yield from spec.containers
    yield from spec.initContainers or ()


def pod_level_limits(pod: Pod) -> Amounts:
    """spec.resources.limits: what the whole pod may take, whatever its containers say."""
    return _limits(spec_of(pod).resources)


def pod_level_requests(pod: Pod) -> Amounts:
    """spec.resources.requests; what is only limited asks for its containers' sum, else for the limit."""
    resources = spec_of(pod).resources
    if resources is None:
        return {}
    return {
        **_requests(resources),
        **_chosen(total(pod, requests_of), _limits(resources)),
        **_stated(resources),
    }


def pod_requests(pod: Pod) -> Amounts:
    """What the pod asks for: its containers' sum, replaced by what the pod level says, plus its overhead."""
    amounts = {**total(pod, requests_of), **pod_level_requests(pod)}
    return _add(amounts, _amounts(spec_of(pod).overhead))


def pod_limits_sum(pod: Pod) -> Amounts:
    """What the pod may take; overhead is added to what is limited at all."""
    amounts = {**total(pod, limits_of), **pod_level_limits(pod)}
    overhead = _amounts(spec_of(pod).overhead)
    return _add(amounts, {name: overhead[name] for name in overhead if amounts.get(name)})


def total(pod: Pod, amounts_of: Callable[[Container], Amounts]) -> Amounts:
    """The containers' amounts put together as this module's first lines say."""
    spec = spec_of(pod)
    running: Amounts = {}
    for container in spec.containers:
        running = _add(running, amounts_of(container))
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.initContainers or ():
        amounts = _add(sidecars, amounts_of(container))
        if is_sidecar(container):
            running = _add(running, amounts_of(container))
            sidecars = amounts
        largest = _max(largest, amounts)
    return _max(running, largest)


def _limits(resources: ResourceRequirements | None) -> Amounts:
    return _amounts(resources.limits if resources else None)


def _stated(resources: ResourceRequirements) -> Amounts:
    return _amounts(resources.requests)


def _requests(resources: ResourceRequirements | None) -> Amounts:
    return {**_limits(resources), **_stated(resources)} if resources else {}


def _amounts(texts: Mapping[str, object] | None) -> Amounts:
    return {name: parse(text) for name, text in (texts or {}).items()}


def _chosen(amounts: Amounts, names: Amounts) -> Amounts:
    return {name: amounts[name] for name in names if amounts.get(name)}


def _add(left: Amounts, right: Amounts) -> Amounts:
    return {name: left.get(name, ZERO) + right.get(name, ZERO) for name in {**left, **right}}


def _max(left: Amounts, right: Amounts) -> Amounts:
    return {name: max(left.get(name, ZERO), right.get(name, ZERO)) for name in {**left, **right}}
