# SPDX-License-Identifier: Apache-2.0
"""What a pod says of other pods: affinity, anti-affinity, topology spread; pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from controlplane.scheduler.model import PodTerm, Spread
from kube.selector import Operator, Requirement, Selector, from_object

Json = dict[str, Any]

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_SIGNS: Final = {"podAffinity": 1, "podAntiAffinity": -1}


def pod_terms(pod: Json, kind: str) -> Iterable[PodTerm]:
    """The required terms of podAffinity or podAntiAffinity. Raises SelectorError."""
    return [_term(pod, term) for term in _affinity(pod, kind).get(_REQUIRED) or ()]


def pod_wishes(pod: Json) -> Iterable[tuple[int, PodTerm]]:
    """The preferred terms with their weights, negative ones for being apart. Raises SelectorError."""
    for kind, sign in _SIGNS.items():
        for item in _affinity(pod, kind).get(_PREFERRED) or ():
            yield sign * item["weight"], _term(pod, item["podAffinityTerm"])


def spreads(pod: Json) -> Iterable[Spread]:
    """spec.topologySpreadConstraints. Raises SelectorError."""
    labels = pod["metadata"].get("labels") or {}
    for item in pod["spec"].get("topologySpreadConstraints") or ():
        yield Spread(
            topology_key=item["topologyKey"],
            selector=_with_keys(from_object(item.get("labelSelector")), item, labels),
            max_skew=item["maxSkew"],
            hard=item.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
            min_domains=item.get("minDomains") or 1,
            honors_affinity=item.get("nodeAffinityPolicy", "Honor") == "Honor",
            honors_taints=item.get("nodeTaintsPolicy", "Ignore") == "Honor",
        )


def _affinity(pod: Json, kind: str) -> Json:
    found: Json = (pod["spec"].get("affinity") or {}).get(kind) or {}
    return found


def _term(pod: Json, term: Json) -> PodTerm:
    chooses = term.get("namespaceSelector")
    named = term.get("namespaces") or ()
    # Neither names nor a selector: the pod's own namespace.
    own = (pod["metadata"]["namespace"],) if not named and chooses is None else ()
    selector = from_object(term.get("labelSelector"))
    return PodTerm(
        topology_key=term["topologyKey"],
        selector=_with_keys(selector, term, pod["metadata"].get("labels") or {}),
        namespaces=frozenset((*named, *own)),
        namespace_selector=None if chooses is None else from_object(chooses),
    )


def _with_keys(selector: Selector, holder: Json, labels: Mapping[str, str]) -> Selector:
    """matchLabelKeys and mismatchLabelKeys: the pod's own values of these keys, if it has them (KEP-3243, KEP-3633)."""
    if selector.nothing:
        return selector
    more = [
        Requirement(key, operator, (labels[key],))
        for field, operator in (("matchLabelKeys", Operator.IN), ("mismatchLabelKeys", Operator.NOT_IN))
        for key in holder.get(field) or ()
        if key in labels
    ]
    return Selector((*selector.requirements, *more)) if more else selector
