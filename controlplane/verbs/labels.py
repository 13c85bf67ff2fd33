# SPDX-License-Identifier: Apache-2.0
"""Label selectors in the query language: `app=web,tier in (a,b),!old,weight>3`.

Grammar: k8s.io/apimachinery/pkg/labels.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.errors import ApiError, bad_request
from kube.names import LABEL_KEY, LABEL_VALUE

_TOKEN: Final = re.compile(r"\s*(==|!=|=|!|<|>|\(|\)|,|[^\s=!<>(),]+)")
_EQUALS: Final = ("=", "==")
_SETS: Final = ("in", "notin")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label: operator is in, notin, exists, absent, gt or lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it. notin is fulfilled by a label that is not there."""
        value = labels.get(self.key)
        if self.operator in ("exists", "absent"):
            return (value is not None) == (self.operator == "exists")
        if self.operator == "in":
            return value in self.values
        if self.operator == "notin":
            return value not in self.values
        return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        if value is None or not re.fullmatch(r"[-+]?\d{1,19}", value):
            return False
        (limit,) = self.values
        return int(value) > int(limit) if self.operator == "gt" else int(value) < int(limit)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements have to hold; none is everything."""

    requirements: tuple[Requirement, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)


ALL_LABELS: Final = LabelSelector()


def parse_labels(text: str) -> LabelSelector:
    """Read a selector. Raises ApiError 400 for one that is none."""
    return LabelSelector(_Parser(text).parse()) if text.strip() else LabelSelector()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()

    def parse(self) -> tuple[Requirement, ...]:
        found = [self._requirement()]
        while self._tokens:
            self._expect(",")
            found.append(self._requirement())
        return tuple(found)

    def _split(self) -> list[str]:
        tokens, at, end = [], 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise self._refusal("a character that has no place here")
            tokens.append(match[1])
            at = match.end()
        return tokens[::-1]

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._tokens.pop()
            return Requirement(self._key(), "absent")
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return Requirement(key, "exists")
        self._tokens.pop()
        if operator in _SETS:
            return Requirement(key, operator, self._set())
        if operator in (">", "<"):
            return Requirement(key, "gt" if operator == ">" else "lt", frozenset([self._number()]))
        if operator not in (*_EQUALS, "!="):
            raise self._refusal(f"found {operator!r}, expected one of: in, notin, =, ==, !=, >, <")
        return Requirement(key, "in" if operator in _EQUALS else "notin", frozenset([self._value()]))

    def _key(self) -> str:
        key = self._tokens.pop() if self._tokens else ""
        if not LABEL_KEY.fits(key):
            raise self._refusal(f"invalid label key {key!r}: {LABEL_KEY.accepted}")
        return key

    def _value(self) -> str:
        value = "" if self._peek() in ("", ",", ")") else self._tokens.pop()
        if not LABEL_VALUE.fits(value):
            raise self._refusal(f"invalid label value {value!r}: {LABEL_VALUE.accepted}")
        return value

    def _number(self) -> str:
        value = self._value()
        if not re.fullmatch(r"[-+]?\d{1,19}", value):
            raise self._refusal(f"for > and < the value has to be an integer, not {value!r}")
        return value

    def _set(self) -> frozenset[str]:
        self._expect("(")
        values = [self._value()]
        while self._peek() == ",":
            self._tokens.pop()
            values.append(self._value())
        self._expect(")")
        return frozenset(values)

    def _peek(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            raise self._refusal(f"found {self._peek()!r}, expected {token!r}")
        self._tokens.pop()

    def _refusal(self, why: str) -> ApiError:
        return bad_request(f"unable to parse requirement: {self._text[:200]!r}: {why}")
