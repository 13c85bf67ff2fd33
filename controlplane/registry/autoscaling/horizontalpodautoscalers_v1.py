# SPDX-License-Identifier: Apache-2.0
"""HorizontalPodAutoscaler of autoscaling/v1: one CPU target. What it cannot say stays in annotations, as JSON of v2."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from lightkube.models import autoscaling_v2 as models
from lightkube.resources import autoscaling_v1

from controlplane.registry.autoscaling.hpa_print import HPA_COLUMNS
from controlplane.registry.autoscaling.hpa_strategy import AutoscalerStrategy, cpu_target
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.derive import derive

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
# Annotation -> where v2 has it, and of which type it is there.
_KEPT: Final[Mapping[str, tuple[str, str, Any]]] = {
    f"{_PREFIX}metrics": ("spec", "metrics", list[models.MetricSpec]),
    f"{_PREFIX}behavior": ("spec", "behavior", models.HorizontalPodAutoscalerBehavior),
    f"{_PREFIX}conditions": ("status", "conditions", list[models.HorizontalPodAutoscalerCondition]),
    f"{_PREFIX}current-metrics": ("status", "currentMetrics", list[models.MetricStatus]),
}
_SAME_SPEC: Final[tuple[str, ...]] = ("maxReplicas", "minReplicas", "scaleTargetRef")
_SAME_STATUS: Final[tuple[str, ...]] = (
    "currentReplicas",
    "desiredReplicas",
    "lastScaleTime",
    "observedGeneration",
)


def from_v2(obj: Json) -> Json:
    """In the words of v1."""
    parts: dict[str, Any] = {part: dict(mapping(obj, part)) for part in ("spec", "status")}
    target = next((t for metric in items(obj, "spec", "metrics") if (t := cpu_target(metric))), None)
    parts["spec"]["metrics"] = [
        m for m in items(obj, "spec", "metrics") if target is None or cpu_target(m) != target
    ]
    annotations = dict(look(obj, "metadata", "annotations", default={}))
    for name, (part, field, _) in _KEPT.items():
        if value := parts[part].get(field):
            annotations[name] = msgspec.json.encode(value).decode()
    spec = {field: parts["spec"][field] for field in _SAME_SPEC if field in parts["spec"]}
    made: Json = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**obj["metadata"], **({"annotations": annotations} if annotations else {})},
        "spec": spec if target is None else {**spec, "targetCPUUtilizationPercentage": target},
    }
    return {**made, "status": _status(parts["status"])} if "status" in obj else made


def to_v2(obj: Json) -> Json:
    """In the words of v2."""
    annotations = dict(look(obj, "metadata", "annotations", default={}))
    kept: dict[str, Json] = {"spec": {}, "status": {}}
    for name, (part, field, model) in _KEPT.items():
        value = _decoded(annotations.get(name), model)
        if value is not None:
            kept[part][field] = value
            del annotations[name]
    spec = {field: value for field, value in mapping(obj, "spec").items() if field in _SAME_SPEC}
    target = look(obj, "spec", "targetCPUUtilizationPercentage")
    metrics = [*([_cpu_metric(target)] if target is not None else []), *kept["spec"].pop("metrics", [])]
    made: Json = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**{k: v for k, v in obj["metadata"].items() if k != "annotations"}},
        "spec": {**spec, **kept["spec"], **({"metrics": metrics} if metrics else {})},
    }
    if annotations:
        made["metadata"]["annotations"] = annotations
    if "status" in obj:
        status = {field: value for field, value in mapping(obj, "status").items() if field in _SAME_STATUS}
        made["status"] = {"desiredReplicas": 0, **status, **kept["status"]}
    return made


def _status(status: Json) -> Json:
    same = {field: status[field] for field in _SAME_STATUS if field in status}
    current = next(
        (u for metric in items(status, "currentMetrics") if (u := _cpu_use(metric)) is not None), None
    )
    found: Json = {"currentReplicas": 0, "desiredReplicas": 0, **same}
    return found if current is None else {**found, "currentCPUUtilizationPercentage": current}


def _cpu_use(metric: Json) -> object:
    if look(metric, "resource", "name") != "cpu":
        return None
    return look(metric, "resource", "current", "averageUtilization")


def _cpu_metric(target: object) -> Json:
    wanted = {"type": "Utilization", "averageUtilization": target}
    return {"type": "Resource", "resource": {"name": "cpu", "target": wanted}}


def _decoded(text: str | None, model: Any) -> Any:
    """What an annotation of ours says; anything that is not of the field's type stays an annotation."""
    if text is None:
        return None
    try:
        value = msgspec.json.decode(text)
        msgspec.convert(value, model)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        return None
    return value


RESOURCE = derive(
    autoscaling_v1.HorizontalPodAutoscaler,
    short_names=("hpa",),
    categories=("all",),
    columns=HPA_COLUMNS,
    strategy=AutoscalerStrategy(),
    storage="autoscaling/horizontalpodautoscalers",
    to_storage=to_v2,
    from_storage=from_v2,
)
