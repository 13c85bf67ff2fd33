# SPDX-License-Identifier: Apache-2.0
"""LimitRange."""

from typing import Final

from lightkube.resources import core_v1

from controlplane.registry.columns import NAME, created_at
from controlplane.registry.data import Json, items, mapping
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_quantities
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import Path, duplicate, forbidden, invalid
from kube.quantity import Quantity, parse

_AMOUNTS: Final = ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
# Each of these may not be more than the other.
_ORDER: Final = (
    ("min", "max"),
    ("min", "defaultRequest"),
    ("min", "default"),
    ("defaultRequest", "default"),
    ("defaultRequest", "max"),
    ("default", "max"),
)


class LimitRangeStrategy(KindStrategy):
    """Limits of containers, pods and claims; what is left out follows from what is said."""

    creates_on_update = True

    def set_defaults(self, obj: Json) -> None:
        """For containers: the default limit is the maximum, the default request the default limit or the minimum."""
        for limit in items(obj, "spec", "limits"):
            if limit.get("type") != "Container":
                continue
            default = {**mapping(limit, "max"), **mapping(limit, "default")}
            request = {**mapping(limit, "min"), **default, **mapping(limit, "defaultRequest")}
            limit.update({"default": default} if default else {})
            limit.update({"defaultRequest": request} if request else {})

    def problems(self, obj: Json) -> Problems:
        """Amounts that are in order, each type once."""
        seen: set[object] = set()
        for index, limit in enumerate(items(obj, "spec", "limits")):
            at: Path = ("spec", "limits", index)
            if limit.get("type") in seen:
                yield duplicate((*at, "type"), limit.get("type"), "one entry for each type")
            seen.add(limit.get("type"))
            problems = [p for name in _AMOUNTS for p in check_quantities(mapping(limit, name), (*at, name))]
            yield from problems
            if not problems:
                yield from _ordered(limit, at)
            for name in ("default", "defaultRequest"):
                if limit.get("type") == "Pod" and mapping(limit, name):
                    yield forbidden((*at, name), f"may not be specified when `type` is {limit.get('type')!r}")


def _ordered(limit: Json, path: Path) -> Problems:
    for small, large in _ORDER:
        for name, amount in _shared(limit, small, large):
            if amount[0] > amount[1]:
                yield invalid((*path, small, name), str(amount[0]), f"at most {amount[1]}, the {large} value")


def _shared(limit: Json, small: str, large: str) -> list[tuple[str, tuple[Quantity, Quantity]]]:
    lower, upper = mapping(limit, small), mapping(limit, large)
    return [(name, (parse(lower[name]), parse(upper[name]))) for name in sorted(lower.keys() & upper.keys())]


RESOURCE = derive(
    core_v1.LimitRange,
    short_names=("limits",),
    columns=(NAME, created_at()),
    strategy=LimitRangeStrategy(),
)
