# SPDX-License-Identifier: Apache-2.0
"""The subresource scale: an object as an autoscaling/v1 Scale, and a Scale back into the object."""

from typing import Any

from controlplane.errors import Cause
from controlplane.registry.data import Json, look, member
from controlplane.registry.humanize import NONE, labels, selector
from controlplane.registry.resource import ScalePaths
from controlplane.registry.strategy import causes
from kube.problem import refused

_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def to_scale(obj: Json, paths: ScalePaths) -> Json:
    """What the subresource shows of an object; its resourceVersion is the object's."""
    metadata = obj["metadata"]
    status = {"replicas": look(obj, *paths.status_replicas, default=0)}
    selected = _selector(look(obj, *paths.selector))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in _METADATA if name in metadata},
        "spec": {"replicas": look(obj, *paths.replicas, default=0)},
        "status": {**status, "selector": selected} if selected else status,
    }


def check_scale(scale: Json) -> tuple[Cause, ...]:
    """What is wrong with a Scale that a client sends."""
    replicas = look(scale, "spec", "replicas", default=0)
    return causes(
        [refused(("spec", "replicas"), replicas, "must be greater than or equal to 0")]
        if replicas < 0
        else []
    )


def apply_scale(obj: Json, scale: Json, paths: ScalePaths) -> None:
    """Put the number that is asked for into the object; a Scale without one asks for 0, as in Go."""
    for step in paths.replicas[:-1]:
        obj = member(obj, step)
    obj[paths.replicas[-1]] = look(scale, "spec", "replicas", default=0)


def _selector(value: Any) -> str:
    """As the query language has it: a LabelSelector, or a plain map of labels."""
    if not isinstance(value, dict):
        return ""
    is_plain = all(isinstance(wanted, str) for wanted in value.values())
    found = labels(value) if is_plain else selector(value)
    return "" if found == NONE else found
