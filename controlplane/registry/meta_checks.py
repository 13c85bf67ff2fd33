# SPDX-License-Identifier: Apache-2.0
"""Checks of what many kinds have: label selectors, counts, choices, templates' labels."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from controlplane.registry.data import Json, items, look, mapping
from kube.errors import QuantityError
from kube.names import LABEL_KEY, LABEL_VALUE, check_labels
from kube.problem import FieldProblem, Path, forbidden, invalid, refused, required, unsupported
from kube.quantity import ACCEPTED, ZERO, parse

Problems = Iterable[FieldProblem]

OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
PORTS: Final = range(1, 65536)
PORT_RANGE: Final = "between 1 and 65535, inclusive"


def within(path: Path, problems: Problems) -> Problems:
    """The same problems, of an object that stands at this path."""
    return (replace(problem, path=(*path, *problem.path)) for problem in problems)


def check_count(obj: Json, *path: str, least: int = 0) -> Problems:
    """A number that may not be below `least`; absent is fine."""
    value = look(obj, *path)
    if isinstance(value, int) and value < least:
        yield refused(path, value, f"must be greater than or equal to {least}")


def check_choice(obj: Json, path: Path, values: Iterable[str]) -> Problems:
    """A text that must be one of these; absent is fine."""
    value, known = look(obj, *path), tuple(values)
    if value is not None and value not in known:
        yield unsupported(path, value, known)


def check_port(value: object, path: Path) -> Problems:
    """A port number."""
    if value not in PORTS:
        yield invalid(path, value, PORT_RANGE)


def check_address(text: object, path: Path, *, accepted: str = "an IPv4 or IPv6 address") -> Problems:
    """An IP address without a zone."""
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        yield invalid(path, text, accepted)
        return
    if "%" in str(text):
        yield invalid(path, text, accepted)


def check_endpoint_address(text: object, path: Path) -> Problems:
    """An address that traffic may be sent to: not unspecified, of the loopback, link-local or of a group."""
    problems = list(check_address(text, path))
    yield from problems
    if problems:
        return
    address = ipaddress.ip_address(str(text))
    if address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast:
        yield invalid(path, text, "an address that is not unspecified, loopback, link-local or multicast")


def check_network(text: object, path: Path) -> Problems:
    """A CIDR such as 10.1.0.0/16; bits of a host may be set, as the API allows."""
    try:
        ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        yield invalid(path, text, "a CIDR such as 10.1.0.0/16 or fd00::/64")
        return
    if "/" not in str(text):
        yield invalid(path, text, "a CIDR with its prefix length, such as 10.1.0.0/16")


def check_quantities(amounts: Mapping[str, Any], path: Path, *, names: bool = True) -> Problems:
    """A map of amounts by resource: readable, not negative, under names that are label keys."""
    for name, text in amounts.items():
        if names:
            yield from LABEL_KEY.check((*path, name), name)
        yield from check_quantity(text, (*path, name))


def check_quantity(text: object, path: Path) -> Problems:
    """One amount: readable and not negative."""
    try:
        amount = parse(text)
    except (QuantityError, ValueError):
        yield invalid(path, text, ACCEPTED.removeprefix("accepted are "))
        return
    if amount < ZERO:
        yield refused(path, text, "must be greater than or equal to 0")


def check_selector(selector: Mapping[str, Any] | None, path: Path) -> Problems:
    """A LabelSelector."""
    yield from check_labels((*path, "matchLabels"), mapping(selector, "matchLabels"))
    for index, expression in enumerate(items(selector, "matchExpressions")):
        yield from _expression(expression, (*path, "matchExpressions", index))


def _expression(expression: Json, path: Path) -> Problems:
    yield from LABEL_KEY.check((*path, "key"), expression.get("key"))
    operator, values = expression.get("operator"), items(expression, "values")
    if operator not in OPERATORS:
        yield unsupported((*path, "operator"), operator, OPERATORS)
    elif operator in ("In", "NotIn") and not values:
        yield required((*path, "values"), f"at least one value, because the operator is {operator}")
    elif operator in ("Exists", "DoesNotExist") and values:
        yield forbidden((*path, "values"), f"may not be set when the operator is {operator}")
    for index, value in enumerate(values):
        if not LABEL_VALUE.fits(str(value)):
            yield invalid((*path, "values", index), value, LABEL_VALUE.accepted)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches these labels; none matches nothing, an empty one everything."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in mapping(selector, "matchLabels").items()):
        return False
    return all(_holds(expression, labels) for expression in items(selector, "matchExpressions"))


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    key, values = expression.get("key", ""), items(expression, "values")
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
