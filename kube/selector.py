# SPDX-License-Identifier: Apache-2.0
"""Label selectors, from the text of a query and from the LabelSelector object of a manifest.

The grammar and the meaning are those of k8s.io/apimachinery's labels package: comma means "and"; "!=" and
"notin" also match what does not have the key; ">" and "<" compare whole numbers and match nothing else.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from kube.errors import SelectorError
from kube.names import LABEL_KEY, LABEL_VALUE

Json = dict[str, Any]


class Operator(StrEnum):
    """How a requirement compares; the values are those of LabelSelectorRequirement and NodeSelectorRequirement."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER = "Gt"
    LESS = "Lt"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key; values is empty for the two that ask for existence, one number for Gt and Lt."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet the condition."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
        number, bound = _number(value), _number(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if self.operator is Operator.GREATER else number < bound

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case Operator.NOT_IN if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case Operator.GREATER:
                return f"{self.key}>{self.values[0]}"
            case Operator.LESS:
                return f"{self.key}<{self.values[0]}"
        word = "in" if self.operator is Operator.IN else "notin"
        return f"{self.key} {word} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Selector:
    """All of these requirements at once; none of them matches everything. nothing is True for an absent selector."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        if self.nothing:
            return False
        return all(requirement.matches(labels or {}) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING: Final = Selector()
NOTHING: Final = Selector(nothing=True)

_SET: Final = re.compile(r"\s*([^\s,!=<>()]+)\s+(in|notin)\s*\(([^()]*)\)\s*")
_COMPARE: Final = re.compile(r"\s*([^\s,!=<>()]+)\s*(==|=|!=|>|<)\s*([^\s,!=<>()]*)\s*")
_EXISTS: Final = re.compile(r"\s*(!?)\s*([^\s,!=<>()]+)\s*")
_COMPARISONS: Final = {
    "=": Operator.IN, "==": Operator.IN, "!=": Operator.NOT_IN, ">": Operator.GREATER, "<": Operator.LESS,
}  # fmt: skip
ACCEPTED: Final = (
    'accepted are "key=value", "key!=value", "key in (a,b)", "key notin (a,b)", "key", "!key", '
    'with "," between them'
)


@lru_cache(maxsize=1024)
def parse(text: str) -> Selector:
    """The selector of a query's labelSelector; "" selects everything. Raises SelectorError."""
    requirements = []
    for match, part in _parts(text):
        requirement = _requirement(match)
        _check(text, part, requirement)
        requirements.append(requirement)
    return Selector(tuple(requirements))


def from_object(selector: Json | None) -> Selector:
    """A metav1.LabelSelector; None selects nothing, {} everything. Raises SelectorError for an unknown operator."""
    if selector is None:
        return NOTHING
    pairs = from_labels(selector.get("matchLabels") or {}).requirements
    return Selector((*pairs, *map(from_expression, selector.get("matchExpressions") or ())))


def from_labels(labels: Mapping[str, str]) -> Selector:
    """Every one of these pairs, as a Service selects its pods."""
    return Selector(tuple(Requirement(key, Operator.IN, (value,)) for key, value in labels.items()))


def from_expression(expression: Json) -> Requirement:
    """A LabelSelectorRequirement or NodeSelectorRequirement. Raises SelectorError."""
    word = expression.get("operator")
    try:
        operator = Operator(str(word))
    except ValueError as error:
        accepted = ", ".join(sorted(Operator))
        raise SelectorError(
            f"cannot read selector: {word!r} is no operator; accepted are {accepted}"
        ) from error
    values = tuple(expression.get("values") or ())
    if not values and operator not in (Operator.EXISTS, Operator.DOES_NOT_EXIST):
        raise SelectorError(f"cannot read selector: {expression.get('key')} {word} has no values")
    return Requirement(expression.get("key", ""), operator, values)


def _parts(text: str) -> Iterable[tuple[re.Match[str], str]]:
    position = 0
    while text.strip() and position <= len(text):
        match = next(
            (
                found
                for pattern in (_SET, _COMPARE, _EXISTS)
                if (found := pattern.match(text, position))
                and (found.end() == len(text) or text[found.end()] == ",")
            ),
            None,
        )
        if match is None:
            raise SelectorError(f"cannot read selector {text!r} at {text[position:]!r}; {ACCEPTED}")
        yield match, match[0].strip()
        position = match.end() + 1


def _requirement(match: re.Match[str]) -> Requirement:
    if match.re is _EXISTS:
        return Requirement(match[2], Operator.DOES_NOT_EXIST if match[1] else Operator.EXISTS)
    if match.re is _COMPARE:
        return Requirement(match[1], _COMPARISONS[match[2]], (match[3],))
    operator = Operator.IN if match[2] == "in" else Operator.NOT_IN
    return Requirement(match[1], operator, tuple(value.strip() for value in match[3].split(",")))


def _check(text: str, part: str, requirement: Requirement) -> None:
    if not LABEL_KEY.fits(requirement.key):
        raise SelectorError(f"cannot read selector {text!r}: the key of {part!r} is not {LABEL_KEY.accepted}")
    numeric = requirement.operator in (Operator.GREATER, Operator.LESS)
    for value in requirement.values:
        if not LABEL_VALUE.fits(value):
            raise SelectorError(
                f"cannot read selector {text!r}: the value {value!r} is not {LABEL_VALUE.accepted}"
            )
        if numeric and _number(value) is None:
            raise SelectorError(f"cannot read selector {text!r}: {value!r} is no whole number")


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
