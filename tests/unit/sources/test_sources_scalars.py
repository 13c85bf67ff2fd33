# SPDX-License-Identifier: Apache-2.0
"""Plain YAML scalars mean what kubectl takes them for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.scalars import plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"),
        ("true", True), ("Yes", True), ("on", True), ("y", True),
        ("false", False), ("NO", False), ("off", False), ("n", False), ("yES", "yES"),
        ("0", 0), ("-0", 0), ("8080", 8080), ("+5", 5), ("-7", -7), ("1_000", 1000),
        ("0644", 420), ("0o644", 420), ("0x1F", 31), ("0b101", 5), ("-0x10", -16), ("08", 8.0),
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1E-3", 0.001), ("-1.25e+2", -125.0),
        ("1e999", "1e999"), (".inf", ".inf"), (".nan", ".nan"), ("1.2.3", "1.2.3"), ("100m", "100m"),
        ("64Mi", "64Mi"), ("10:30", "10:30"), ("2024-05-01", "2024-05-01"), ("-", "-"), ("0x", "0x"),
        ("9" * 65, "9" * 65), ("web", "web"), (" 1", " 1"),
    ],
)  # fmt: skip
def test_plain_value(text: str, value: object) -> None:
    found = plain_value(text)
    assert found == value
    assert type(found) is type(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_is_read_as_it_is_written(number: int) -> None:
    assert plain_value(str(number)) == number
    assert plain_value(hex(number)) == number


@given(st.text(max_size=70))
def test_no_text_is_too_strange(text: str) -> None:
    value = plain_value(text)
    assert value == text or not isinstance(value, str)
