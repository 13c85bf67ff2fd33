# SPDX-License-Identifier: Apache-2.0
"""What the limits of a LimitRange say about given requests and limits; pure.

The texts are those of k8s.io/kubernetes plugin/pkg/admission/limitranger, two blanks before "No" included.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from controlplane.admission.amounts import Amounts, read
from controlplane.admission.pod_amounts import container_amounts, pod_limits, pod_requests
from controlplane.registry.data import Json, items, look, mapping
from kube.quantity import Quantity

_KINDS: Final = ("containers", "initContainers")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a container, pod or claim asks for. Of an update, only what is `changed` is checked; None checks all."""

    requests: Amounts
    limits: Amounts = field(default_factory=dict)
    changed: frozenset[str] | None = None

    def since(self, old: "Asked") -> "Asked":
        """The same, to be checked only where it differs from the old one."""
        pairs = ((self.requests, old.requests), (self.limits, old.limits))
        changed = {name for now, then in pairs for name in now | then if now.get(name) != then.get(name)}
        return Asked(self.requests, self.limits, frozenset(changed))

    def bounds(self, limit: Json, field_name: str) -> Iterator[tuple[str, Quantity]]:
        """What is to be checked of a field of an item of spec.limits, by name."""
        for name, enforced in sorted(read(mapping(limit, field_name)).items()):
            if self.changed is None or name in self.changed:
                yield name, enforced


def pod_problems(limit: Json, pod: Json, old: Json | None) -> Iterator[str]:
    """What one item of spec.limits says against a pod; of an update, only against what it changes."""
    if limit.get("type") == "Pod":
        yield from _problems(limit, _whole(mapping(pod, "spec"), mapping(old, "spec") if old else None))
    elif limit.get("type") == "Container":
        for kind in _KINDS:
            before = {one.get("name"): one for one in items(old, "spec", kind)}
            for container in items(pod, "spec", kind):
                yield from _problems(limit, _one(container, before.get(container.get("name"))))


def claim_problems(limit: Json, claim: Json, old: Json | None) -> Iterator[str]:
    """What one item of spec.limits says against a PersistentVolumeClaim: only requests count there."""
    if limit.get("type") != "PersistentVolumeClaim":
        return
    asked = _of_claim(claim) if old is None else _of_claim(claim).since(_of_claim(old))
    for name, enforced in asked.bounds(limit, "min"):
        yield from _below("PersistentVolumeClaim", name, enforced, asked)
    for name, enforced in asked.bounds(limit, "max"):
        yield from _claim_above(name, enforced, asked.requests)


def _whole(spec: Json, old: Json | None) -> Asked:
    asked = Asked(pod_requests(spec), pod_limits(spec))
    return asked if old is None else asked.since(Asked(pod_requests(old), pod_limits(old)))


def _one(container: Json, old: Json | None) -> Asked:
    return _of(container) if old is None else _of(container).since(_of(old))


def _of(container: Json) -> Asked:
    return Asked(container_amounts(container, "requests"), container_amounts(container, "limits"))


def _of_claim(claim: Json) -> Asked:
    return Asked(read(mapping(claim, "spec", "resources", "requests")))


def _problems(limit: Json, asked: Asked) -> Iterator[str]:
    kind: str = look(limit, "type")
    for name, enforced in asked.bounds(limit, "min"):
        yield from _below(kind, name, enforced, asked)
    for name, enforced in asked.bounds(limit, "max"):
        yield from _above(kind, name, enforced, asked)
    for name, enforced in asked.bounds(limit, "maxLimitRequestRatio"):
        yield from _ratio(kind, name, enforced, asked)


def _below(kind: str, name: str, enforced: Quantity, asked: Asked) -> Iterator[str]:
    request, limit = asked.requests.get(name), asked.limits.get(name)
    told = f"minimum {name} usage per {kind} is {enforced}"
    if request is None:
        yield f"{told}.  No request is specified"
    elif request < enforced:
        yield f"{told}, but request is {request}"
    elif limit is not None and limit < enforced:
        yield f"{told}, but limit is {limit}"


def _above(kind: str, name: str, enforced: Quantity, asked: Asked) -> Iterator[str]:
    request, limit = asked.requests.get(name), asked.limits.get(name)
    told = f"maximum {name} usage per {kind} is {enforced}"
    if limit is None:
        yield f"{told}.  No limit is specified"
    elif limit > enforced:
        yield f"{told}, but limit is {limit}"
    elif request is not None and request > enforced:
        yield f"{told}, but request is {request}"


def _claim_above(name: str, enforced: Quantity, requests: Amounts) -> Iterator[str]:
    told = f"maximum {name} usage per PersistentVolumeClaim is {enforced}"
    if name not in requests:
        yield f"{told}.  No request is specified"
    elif requests[name] > enforced:
        yield f"{told}, but request is {requests[name]}"


def _ratio(kind: str, name: str, enforced: Quantity, asked: Asked) -> Iterator[str]:
    request, limit = asked.requests.get(name), asked.limits.get(name)
    told = f"{name} max limit to request ratio per {kind} is {enforced}"
    if not request:
        yield f"{told}, but no request is specified or request is 0"
    elif not limit:
        yield f"{told}, but no limit is specified or limit is 0"
    elif Fraction(limit.nano, request.nano) > Fraction(enforced.nano, 10**9):
        yield f"{told}, but provided ratio is {_six_places(Fraction(limit.nano, request.nano))}"


def _six_places(number: Fraction) -> str:
    millionths = round(number * 10**6)
    return f"{millionths // 10**6}.{millionths % 10**6:06d}"
