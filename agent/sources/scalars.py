# SPDX-License-Identifier: Apache-2.0
"""What a YAML scalar without quotes means, in the dialect that kubectl and the API server read.

That dialect is YAML 1.1 as go-yaml v2 resolves it: yes, no, on, off, y and n are booleans, 0644 is octal, and
times stay texts. The same manifest must mean the same here.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_LONGEST_NUMBER: Final = 64
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)"
    r"|(?P<decimal>0|[1-9][0-9]*))"
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES: Final = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}


def plain_value(text: str) -> Scalar:
    """The value of a scalar that was written without quotes and without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text.replace("_", ""), text)


def _number(digits: str, text: str) -> Scalar:
    integer = _INTEGER.fullmatch(digits)
    if integer:
        base = integer.lastgroup or "decimal"
        return int(integer["sign"] + integer[base], _BASES[base])
    if _FLOAT.fullmatch(digits) and math.isfinite(value := float(digits)):
        return value
    return text
