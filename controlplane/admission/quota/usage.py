# SPDX-License-Identifier: Apache-2.0
"""How much one object counts under every name, whether a quota asks for it or not."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from controlplane.admission.amounts import Amounts
from controlplane.admission.pod_amounts import pod_limits, pod_requests, with_overhead
from controlplane.admission.quota.names import (
    CLAIMS,
    COMPUTE,
    HUGE_PAGES,
    OF_STORAGE_CLASS,
    PODS,
    SERVICES,
    ResourceName,
    count_names,
)
from controlplane.registry.data import Json, items, look, mapping
from kube.quantity import Quantity, parse

_ONE: Final = Quantity(10**9)
_BETA_CLASS: Final = "volume.beta.kubernetes.io/storage-class"


def usage(resource: ResourceName, obj: Json, now: datetime) -> Amounts:
    """What an object of this resource counts for at this time."""
    special = _SPECIAL.get(resource)
    counted = dict.fromkeys(count_names(resource), _ONE)
    return special(obj, now, counted) if special else counted


def container_usage(requests: Amounts, limits: Amounts) -> Amounts:
    """Amounts of containers under the names of quotas: cpu is "cpu" and "requests.cpu"; only compute has limits."""
    result: Amounts = {}
    for name, amount in requests.items():
        if name in COMPUTE or name.startswith(HUGE_PAGES):
            result[name] = result[f"requests.{name}"] = amount
        elif "/" in name:
            result[f"requests.{name}"] = amount
    return result | {f"limits.{name}": amount for name, amount in limits.items() if name in COMPUTE}


def is_over(pod: Json, now: datetime) -> bool:
    """Whether a pod uses nothing any more: it has finished, or outlived its deletion (its node is lost)."""
    if look(pod, "status", "phase") in ("Succeeded", "Failed"):
        return True
    deleted, grace = (
        look(pod, "metadata", f"deletion{part}") for part in ("Timestamp", "GracePeriodSeconds")
    )
    if deleted is None or grace is None:
        return False
    return now > datetime.fromisoformat(deleted) + timedelta(seconds=grace)


def _pod(pod: Json, now: datetime, counted: Amounts) -> Amounts:
    if is_over(pod, now):
        return {"count/pods": _ONE}
    spec = mapping(pod, "spec")
    requests = with_overhead(spec, pod_requests(spec), limits=False)
    return counted | container_usage(requests, with_overhead(spec, pod_limits(spec), limits=True))


def _service(service: Json, _: datetime, counted: Amounts) -> Amounts:
    kind, ports = look(service, "spec", "type"), items(service, "spec", "ports")
    if kind == "LoadBalancer" and look(service, "spec", "allocateLoadBalancerNodePorts") is False:
        ports = [port for port in ports if port.get("nodePort")]
    node_ports = len(ports) if kind in ("NodePort", "LoadBalancer") else 0
    return counted | {
        "services.nodeports": Quantity(node_ports * 10**9),
        "services.loadbalancers": Quantity(10**9 if kind == "LoadBalancer" else 0),
    }


def _claim(claim: Json, _: datetime, counted: Amounts) -> Amounts:
    """Storage in whole bytes; what was allocated for a growth that failed counts on."""
    given = (
        mapping(claim, "spec", "resources", "requests").get("storage"),
        mapping(claim, "status", "allocatedResources").get("storage"),
    )
    amounts = [parse(text) for text in given if text is not None]
    result = dict(counted)
    if amounts:
        greatest = max(amounts)
        result["requests.storage"] = Quantity(greatest.value() * 10**9, greatest.notation)
    storage_class = mapping(claim, "metadata", "annotations").get(_BETA_CLASS) or look(
        claim, "spec", "storageClassName"
    )
    if storage_class:
        prefix = f"{storage_class}{OF_STORAGE_CLASS}"
        names = ("persistentvolumeclaims", "requests.storage")
        result |= {f"{prefix}{name}": result[name] for name in names if name in result}
    return result


_SPECIAL: Final[Mapping[ResourceName, Callable[[Json, datetime, Amounts], Amounts]]] = {
    PODS: _pod,
    SERVICES: _service,
    CLAIMS: _claim,
}
