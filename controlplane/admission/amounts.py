# SPDX-License-Identifier: Apache-2.0
"""Amounts of several resources at once (a ResourceList): "cpu" -> 2, "requests.memory" -> 1Gi."""

from collections.abc import Iterable, Mapping

from kube.quantity import ZERO, Quantity, parse

Amounts = dict[str, Quantity]


def read(texts: Mapping[str, object]) -> Amounts:
    """From an object's field. Raises QuantityError, which validation of the object has ruled out."""
    return {name: parse(text) for name, text in texts.items()}


def write(amounts: Amounts) -> dict[str, str]:
    """For an object's field, in canonical form."""
    return {name: str(amount) for name, amount in amounts.items()}


def plus(one: Amounts, other: Amounts) -> Amounts:
    """The sum by name; a name of either is in the result."""
    return {
        name: one[name] + other[name]
        if name in one and name in other
        else one.get(name) or other.get(name, ZERO)
        for name in one | other
    }


def minus(one: Amounts, other: Amounts) -> Amounts:
    """What is left of the names of `one`, never below zero."""
    return {
        name: Quantity(max(amount.nano - other.get(name, ZERO).nano, 0), amount.notation)
        for name, amount in one.items()
    }


def highest(one: Amounts, other: Amounts) -> Amounts:
    """The greater by name; a name of either is in the result."""
    return {name: max(one.get(name, other.get(name, ZERO)), other.get(name, ZERO)) for name in one | other}


def only(amounts: Amounts, names: Iterable[str]) -> Amounts:
    """The amounts of these names."""
    wanted = set(names)
    return {name: amount for name, amount in amounts.items() if name in wanted}


def without_zeros(amounts: Amounts) -> Amounts:
    """Only what is more, or less, than nothing."""
    return {name: amount for name, amount in amounts.items() if amount}


def shown(amounts: Amounts) -> str:
    """As refusals print them, by name: "cpu=2,pods=1"."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
