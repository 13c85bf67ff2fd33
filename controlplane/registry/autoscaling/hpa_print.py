# SPDX-License-Identifier: Apache-2.0
"""The columns of a HorizontalPodAutoscaler, in the words of autoscaling/v2."""

from controlplane.registry.autoscaling.hpa_strategy import SOURCES
from controlplane.registry.columns import AGE, NAME, computed, number, text
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.humanize import NONE, UNKNOWN, UNSET

_MOST = 2


def _reference(hpa: Json) -> str:
    target = mapping(hpa, "spec", "scaleTargetRef")
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(hpa: Json) -> str:
    """Each metric as it is and as it should be: "cpu: 10%/80%, 5/10 + 1 more..."."""
    metrics, current = items(hpa, "spec", "metrics"), items(hpa, "status", "currentMetrics")
    texts = [_target(metric, current[i] if i < len(current) else {}) for i, metric in enumerate(metrics)]
    more = f" + {len(texts) - _MOST} more..." if len(texts) > _MOST else ""
    return (", ".join(texts[:_MOST]) or NONE) + more


def _target(metric: Json, current: Json) -> str:
    field = SOURCES.get(str(metric.get("type")))
    if field is None:
        return "<unknown type>"
    target, value = mapping(metric, field, "target"), mapping(current, field, "current")
    resource = f"{look(metric, field, 'name', default='')}: " if field.lower().endswith("resource") else ""
    if look(target, "averageUtilization") is not None or (resource and look(target, "averageValue") is None):
        wanted = look(target, "averageUtilization")
        return (
            f"{resource}{_percent(look(value, 'averageUtilization'), UNKNOWN)}/{_percent(wanted, '<auto>')}"
        )
    name = "averageValue" if look(target, "averageValue") is not None else "value"
    average = " (avg)" if name == "averageValue" and field in ("external", "object") else ""
    return f"{resource}{look(value, name, default=UNKNOWN)}/{look(target, name, default='')}{average}"


def _percent(value: object, empty: str) -> str:
    return empty if value is None else f"{value}%"


HPA_COLUMNS = (
    NAME,
    computed("Reference", _reference),
    computed("Targets", _targets),
    text("MinPods", "spec", "minReplicas", empty=UNSET),
    number("MaxPods", "spec", "maxReplicas"),
    number("Replicas", "status", "currentReplicas"),
    AGE,
)
