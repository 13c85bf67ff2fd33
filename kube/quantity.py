# SPDX-License-Identifier: Apache-2.0
"""Kubernetes quantities ("200m", "64Mi", "1e3") as exact numbers.

The grammar, the rounding and the canonical form are those of `resource.Quantity` of k8s.io/apimachinery:

    quantity = [+|-] (digits | digits. | .digits | digits.digits) suffix
    suffix   = "" n u m k M G T P E | Ki Mi Gi Ti Pi Ei | e[+|-]digits | E[+|-]digits

A value is kept in units of 1e-9 (nano); what is finer is rounded away from zero, so that whoever asks for
anything gets something. With a binary suffix a value is capped at 2**63-1. The canonical form has no fraction
and the largest suffix that keeps the value exact: "1.5" is written "1500m", "1.5Gi" is written "1536Mi".

Three differences, all deliberate: a text without any digit ("+", ".", "k"), which Go reads as 0, is refused
as its own grammar says; an exponent past +-300 and a text past 400 characters are refused, lest one input
keep the node computing for minutes; and formatting is always canonical, where Go may repeat a text ("1.500").
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from kube.errors import QuantityError


class Notation(StrEnum):
    """Which family of suffixes a quantity was written with; formatting uses the same one again."""

    DECIMAL = "decimal"
    BINARY = "binary"
    EXPONENT = "exponent"


_NANO: Final = 10**9
_BINARY_CAP: Final = (2**63 - 1) * _NANO
_LONGEST_TEXT: Final = 400
_LARGEST_EXPONENT: Final = 300

_DECIMAL_SUFFIXES: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_DECIMAL_BY_EXPONENT: Final = {exponent: suffix for suffix, exponent in _DECIMAL_SUFFIXES.items()}
_BINARY_SUFFIXES: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_BINARY_SHIFTS: Final = {suffix: 10 * step for step, suffix in enumerate(_BINARY_SUFFIXES) if suffix}
_TEN_TO: Final[dict[int, int]] = {exponent: 10 ** (exponent + 9) for exponent in range(-9, 19)}

_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(.*)", re.DOTALL)
_EXPONENT: Final = re.compile(r"[eE]([+-]?[0-9]+)")
ACCEPTED: Final = (
    "accepted are a number and one of n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei "
    "(powers of 1024), an exponent such as e3, or nothing"
)


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An exact amount: `nano` is the amount times 10**9. Equality, order and hash ignore the notation."""

    nano: int
    notation: Notation = field(default=Notation.DECIMAL, compare=False)

    def value(self) -> int:
        """Whole units (bytes, cores), rounded away from zero as the kubelet does."""
        return _divide_away_from_zero(self.nano, _NANO)

    def milli_value(self) -> int:
        """Thousandths (millicores), rounded away from zero."""
        return _divide_away_from_zero(self.nano, 10**6)

    def __add__(self, other: "Quantity") -> "Quantity":
        """The exact sum, in the notation of the first that is not zero."""
        return Quantity(self.nano + other.nano, self.notation if self.nano else other.notation)

    def __sub__(self, other: "Quantity") -> "Quantity":
        """The exact difference, in the notation of the first; it may be less than nothing."""
        return Quantity(self.nano - other.nano, self.notation)

    def __bool__(self) -> bool:
        return self.nano != 0

    def __str__(self) -> str:
        if not self.nano:
            return "0"
        if self.notation is Notation.BINARY and abs(self.nano) >= 1024 * _NANO and self.nano % _NANO == 0:
            return _format_binary(self.nano // _NANO)
        return _format_decimal(self.nano, plain_exponent=self.notation is Notation.EXPONENT)


ZERO: Final = Quantity(0)


def parse(text: object) -> Quantity:
    """Read a quantity as it stands in a manifest: a string, or a YAML or JSON number.

    Raises QuantityError, which repeats the text and says what is accepted.
    """
    if isinstance(text, str):
        return _parse_text(text)
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return _parse_text(repr(text))
    raise QuantityError(f"cannot read quantity {text!r}: it is neither text nor a number; {ACCEPTED}")


# A node reads the same few texts ("100m", "128Mi") for every pod again and again.
@lru_cache(maxsize=4096)
def _parse_text(text: str) -> Quantity:
    if len(text) > _LONGEST_TEXT:
        raise _refuse(text[:40] + "...", f"it is longer than {_LONGEST_TEXT} characters")
    match = _NUMBER.fullmatch(text.strip())
    sign, whole, fraction, suffix = match.groups("") if match else ("", "", "", text)
    digits = whole + fraction
    if not digits:
        raise _refuse(text, "it does not start with a number" if text.strip() else "it is empty")
    magnitude, notation = _scale(text, int(digits), len(fraction), suffix)
    return Quantity(-magnitude if sign == "-" else magnitude, notation)


def _scale(text: str, digits: int, places: int, suffix: str) -> tuple[int, Notation]:
    """The magnitude in nano of digits * 10**-places with this suffix, and the notation to write it with."""
    exponent = _DECIMAL_SUFFIXES.get(suffix)
    if exponent is not None:
        return _times_ten_to(digits, exponent - places), Notation.DECIMAL
    shift = _BINARY_SHIFTS.get(suffix)
    if shift is not None:
        magnitude = min(_times_ten_to(digits << shift, -places), _BINARY_CAP)
        # Below one unit no binary suffix exists, so it goes on as a decimal, also through additions.
        return magnitude, Notation.DECIMAL if magnitude < _NANO else Notation.BINARY
    return _times_ten_to(digits, _read_exponent(text, suffix) - places), Notation.EXPONENT


def _times_ten_to(number: int, exponent: int) -> int:
    """number * 10**exponent in nano, rounded up: number is never negative here."""
    factor = _TEN_TO.get(exponent)
    if factor is not None:
        return number * factor
    if exponent > 0:
        return number * int(10 ** (exponent + 9))
    return -(-number // int(10 ** (-exponent - 9)))


def _read_exponent(text: str, suffix: str) -> int:
    match = _EXPONENT.fullmatch(suffix)
    if not match:
        raise _refuse(text, f"{suffix!r} is no suffix")
    # A long exponent is refused before int() sees it.
    if len(match[1]) > 16 or abs(exponent := int(match[1])) > _LARGEST_EXPONENT:
        raise _refuse(text, f"its exponent is beyond +-{_LARGEST_EXPONENT}")
    return exponent


def _refuse(text: str, why: str) -> QuantityError:
    return QuantityError(f"cannot read quantity {text!r}: {why}; {ACCEPTED}")


def _divide_away_from_zero(number: int, divisor: int) -> int:
    return -(-number // divisor) if number > 0 else number // divisor


def _format_binary(units: int) -> str:
    step = 0
    while step < len(_BINARY_SUFFIXES) - 1 and units % 1024 == 0:
        units //= 1024
        step += 1
    return f"{units}{_BINARY_SUFFIXES[step]}"


def _format_decimal(nano: int, *, plain_exponent: bool) -> str:
    exponent = -9
    while nano % 1000 == 0:
        nano //= 1000
        exponent += 3
    # Past E there is no suffix, and dropping the exponent would change the value.
    if plain_exponent or exponent not in _DECIMAL_BY_EXPONENT:
        return f"{nano}e{exponent}" if exponent else str(nano)
    return f"{nano}{_DECIMAL_BY_EXPONENT[exponent]}"
