# SPDX-License-Identifier: Apache-2.0
"""Requests and limits of a container: readable, not negative, and requests within limits."""

from collections.abc import Iterator, Mapping

from lightkube.models import core_v1

from kube.errors import QuantityError
from kube.names import LABEL_KEY
from kube.problem import FieldProblem, Path, invalid
from kube.quantity import ACCEPTED, ZERO, Quantity, parse


def check_resources(resources: core_v1.ResourceRequirements, path: Path) -> list[FieldProblem]:
    """Everything that is wrong with the resources that stand at path."""
    problems: list[FieldProblem] = []
    limits = _amounts(resources.limits or {}, (*path, "limits"), problems)
    # What was requested by default only repeats its limit, and so would its problems.
    asked = (resources.requests or {}).items() - (resources.limits or {}).items()
    requests = _amounts(dict(sorted(asked)), (*path, "requests"), problems)
    problems += _beyond_limits(requests, limits, (*path, "requests"))
    return problems


def _amounts(
    texts: Mapping[str, str], path: Path, problems: list[FieldProblem]
) -> dict[str, tuple[str, Quantity]]:
    """Resource -> (as written, amount), without what is not well-formed."""
    amounts = {}
    for name, text in texts.items():
        problems += LABEL_KEY.check((*path, name), name)
        try:
            amount = parse(text)
        except (QuantityError, ValueError):
            problems.append(invalid((*path, name), text, ACCEPTED.removeprefix("accepted are ")))
            continue
        if amount < ZERO:
            problems.append(invalid((*path, name), text, "0 or more"))
        amounts[name] = (text, amount)
    return amounts


def _beyond_limits(
    requests: Mapping[str, tuple[str, Quantity]], limits: Mapping[str, tuple[str, Quantity]], path: Path
) -> Iterator[FieldProblem]:
    for name, (text, amount) in requests.items():
        if name in limits and amount > limits[name][1]:
            yield invalid((*path, name), text, f"less than or equal to {name} limit of {limits[name][0]}")
