# SPDX-License-Identifier: Apache-2.0
"""How writes of a HorizontalPodAutoscaler are prepared and checked, in the words of autoscaling/v2."""

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar, Final

from controlplane.registry.data import Json, fill, items, look, mapping
from controlplane.registry.meta_checks import check_count
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import PATH_SEGMENT
from kube.problem import Path, refused, required, unsupported

# Metric type -> the field that describes it.
SOURCES: Final[Mapping[str, str]] = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TARGETS: Final[Mapping[str, str]] = {
    "AverageValue": "averageValue",
    "Utilization": "averageUtilization",
    "Value": "value",
}
_DEFAULT_METRIC: Final[Json] = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}
_UP: Final[Json] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN: Final[Json] = {
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}


class AutoscalerStrategy(KindStrategy):
    """From one to maxReplicas pods at 80 % of their CPU requests, unless it says otherwise."""

    initial_status: ClassVar[Json | None] = {"currentReplicas": 0, "desiredReplicas": 0}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {"minReplicas": 1}

    def set_defaults(self, obj: Json) -> None:
        """A CPU target, and the pace of a behavior that is spoken of at all."""
        super().set_defaults(obj)
        if not items(obj, "spec", "metrics"):
            obj["spec"]["metrics"] = [deepcopy(_DEFAULT_METRIC)]
        behavior = look(obj, "spec", "behavior")
        if behavior is not None:
            fill(behavior, {"scaleUp": {}, "scaleDown": {}})
            fill(behavior["scaleUp"], _UP)
            fill(behavior["scaleDown"], _DOWN)

    def problems(self, obj: Json) -> Problems:
        """Bounds in order, a target that can be scaled, metrics that are complete."""
        least, most = look(obj, "spec", "minReplicas", default=1), look(obj, "spec", "maxReplicas", default=0)
        yield from check_count(obj, "spec", "minReplicas", least=1)
        if most < 1:
            yield refused(("spec", "maxReplicas"), most, "must be greater than 0")
        elif most < least:
            yield refused(("spec", "maxReplicas"), most, "must be greater than or equal to `minReplicas`")
        for field in ("kind", "name"):
            path = ("spec", "scaleTargetRef", field)
            yield from PATH_SEGMENT.check(path, look(obj, *path))
        for index, metric in enumerate(items(obj, "spec", "metrics")):
            yield from _metric(metric, ("spec", "metrics", index))


def cpu_target(metric: Json) -> int | None:
    """The percentage of a metric that is what autoscaling/v1 can say, else None."""
    resource = mapping(metric, "resource")
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    found: int | None = look(resource, "target", "averageUtilization")
    return found


def _metric(metric: Json, path: Path) -> Problems:
    field = SOURCES.get(str(metric.get("type")))
    if field is None:
        yield unsupported((*path, "type"), metric.get("type"), SOURCES)
        return
    source = look(metric, field)
    if source is None:
        yield required((*path, field), f"what the type {metric['type']} describes")
        return
    target = mapping(source, "target")
    wanted = _TARGETS.get(str(target.get("type")))
    if wanted is None:
        yield unsupported((*path, field, "target", "type"), target.get("type"), _TARGETS)
    elif look(target, wanted) is None:
        yield required((*path, field, "target", wanted), f"because the target's type is {target['type']}")
