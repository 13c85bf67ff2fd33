# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.errors import QuantityError
from kube.quantity import ZERO, Notation, Quantity, parse

# text, canonical form, value() and milli_value()
ROWS = [
    ("0", "0", 0, 0),
    ("000", "0", 0, 0),
    ("0Gi", "0", 0, 0),
    ("-0", "0", 0, 0),
    ("200m", "200m", 1, 200),
    ("1.5", "1500m", 2, 1500),
    ("+1.5", "1500m", 2, 1500),
    ("1.", "1", 1, 1000),
    (".5", "500m", 1, 500),
    ("1.500", "1500m", 2, 1500),
    ("64Mi", "64Mi", 67108864, 67108864000),
    ("1024Mi", "1Gi", 2**30, 2**30 * 1000),
    ("0.5Gi", "512Mi", 2**29, 2**29 * 1000),
    ("1.5Gi", "1536Mi", 3 * 2**29, 3 * 2**29 * 1000),
    ("0.1Ki", "102400m", 103, 102400),
    ("0.3Gi", "322122547200m", 322122548, 322122547200),
    ("100Ki", "100Ki", 102400, 102400000),
    ("1k", "1k", 1000, 10**6),
    ("100k", "100k", 10**5, 10**8),
    ("1000k", "1M", 10**6, 10**9),
    ("1e3", "1e3", 1000, 10**6),
    ("1e4", "10e3", 10**4, 10**7),
    ("1E3", "1e3", 1000, 10**6),
    ("1e+3", "1e3", 1000, 10**6),
    ("1e0", "1", 1, 1000),
    ("100e-1", "10", 10, 10**4),
    ("1e-3", "1e-3", 1, 1),
    ("1E", "1E", 10**18, 10**21),
    ("1000E", "1e21", 10**21, 10**24),
    ("1Ei", "1Ei", 2**60, 2**60 * 1000),
    ("8Ei", str(2**63 - 1), 2**63 - 1, (2**63 - 1) * 1000),
    ("-8Ei", str(1 - 2**63), 1 - 2**63, (1 - 2**63) * 1000),
    ("18446744073709551616", "18446744073709551616", 2**64, 2**64 * 1000),
    ("-1.5", "-1500m", -2, -1500),
    ("-100m", "-100m", -1, -100),
    ("-64Mi", "-64Mi", -(2**26), -(2**26) * 1000),
    ("100u", "100u", 1, 1),
    ("1n", "1n", 1, 1),
    ("0.9n", "1n", 1, 1),
    ("-0.1n", "-1n", -1, -1),
    ("1.1n", "2n", 1, 1),
    ("1.2345", "1234500u", 2, 1235),
    ("1e-20", "1e-9", 1, 1),
    (" 5 ", "5", 5, 5000),
]


@pytest.mark.parametrize(("text", "canonical", "value", "milli"), ROWS)
def test_reads_rounds_and_writes_like_kubernetes(text: str, canonical: str, value: int, milli: int) -> None:
    quantity = parse(text)
    assert (str(quantity), quantity.value(), quantity.milli_value()) == (canonical, value, milli)


@pytest.mark.parametrize(("number", "canonical"), [(2, "2"), (0.5, "500m"), (1e16, "10e15"), (-3, "-3")])
def test_reads_the_numbers_of_yaml_and_json(number: float, canonical: str) -> None:
    assert str(parse(number)) == canonical


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("12 megs", "' megs' is no suffix"),
        ("128MB", "'MB' is no suffix"),
        ("1K", "'K' is no suffix"),
        ("1ki", "'ki' is no suffix"),
        ("1.2.3", "'.3' is no suffix"),
        ("1e", "'e' is no suffix"),
        ("1e1.5", "'e1.5' is no suffix"),
        ("1Mi5", "'Mi5' is no suffix"),
        ("Mi", "it does not start with a number"),
        ("+", "it does not start with a number"),
        (".", "it does not start with a number"),
        ("--1", "it does not start with a number"),
        ("nan", "it does not start with a number"),
        ("1e999999999999999999999", "its exponent is beyond"),
        ("1e301", "its exponent is beyond"),
        ("9" * 500, "longer than 400"),
        ("\u0661", "it does not start with a number"),
        (True, "neither text nor a number"),
        (None, "neither text nor a number"),
        ([1], "neither text nor a number"),
        (float("inf"), "it does not start with a number"),
    ],
)
def test_refuses_what_is_no_quantity_and_says_what_is_accepted(text: object, why: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert str(caught.value).startswith("cannot read quantity ")
    assert why in str(caught.value)
    assert "accepted are a number and one of n, u, m, k" in str(caught.value)


def test_a_sum_is_exact_and_keeps_the_notation_of_its_first_part() -> None:
    assert str(parse("100m") + parse("0.9")) == "1"
    assert str(parse("512Mi") + parse("512M")) == "1024288Ki"
    assert str(parse("1Gi") + parse("1024Mi")) == "2Gi"
    assert str(ZERO + parse("64Mi")) == "64Mi"
    assert sum([parse("1"), parse("500m")], ZERO) == parse("1500m")


def test_equal_amounts_are_equal_whatever_they_were_written_like() -> None:
    assert parse("1") == parse("1000m") == parse("1e0")
    assert hash(parse("1k")) == hash(parse("1e3"))
    assert parse("999m") < parse("1") < parse("1Ki")
    assert not parse("0Mi")


FINE_SUFFIXES = [
    "",
    "k",
    "M",
    "G",
    "T",
    "P",
    "E",
    "m",
    "u",
    "n",
    "Ki",
    "Mi",
    "Gi",
    "Ti",
    "Pi",
    "Ei",
    "e3",
    "E-6",
]
FACTORS = {"m": Fraction(1, 10**3), "u": Fraction(1, 10**6), "n": Fraction(1, 10**9), "": Fraction(1)}
FACTORS |= {suffix: Fraction(1000) ** step for step, suffix in enumerate("kMGTPE", 1)}
FACTORS |= {f"{suffix}i": Fraction(1024) ** step for step, suffix in enumerate("KMGTPE", 1)}
FACTORS |= {"e3": Fraction(1000), "E-6": Fraction(1, 10**6)}


@given(
    whole=st.integers(min_value=-(10**20), max_value=10**20),
    fraction=st.text("0123456789", max_size=12),
    suffix=st.sampled_from(FINE_SUFFIXES),
)
def test_agrees_with_exact_arithmetic(whole: int, fraction: str, suffix: str) -> None:
    text = f"{whole}.{fraction}{suffix}"
    # int() drops the sign of "-0.5"
    exact = (abs(whole) + (Fraction(int(fraction), 10 ** len(fraction)) if fraction else 0)) * FACTORS[suffix]
    nano = -((-exact * 10**9) // 1)
    if suffix.endswith("i"):
        nano = min(nano, (2**63 - 1) * 10**9)
    assert parse(text).nano == (-nano if text.startswith("-") else nano)


@given(st.integers(min_value=-(10**40), max_value=10**40), st.sampled_from(Notation))
def test_the_canonical_form_reads_back_as_the_same_amount_and_is_stable(
    nano: int, notation: Notation
) -> None:
    quantity = Quantity(nano, notation)
    if notation is Notation.BINARY and abs(quantity.value()) > 2**63 - 1:
        quantity = Quantity(nano)
    again = parse(str(quantity))
    assert again == quantity
    assert str(again) == str(quantity)
    assert "." not in str(quantity)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        quantity = parse(text)
    except QuantityError as refused:
        assert "accepted are" in str(refused)  # noqa: PT017 (either outcome is right)
    else:
        assert parse(str(quantity)) == quantity


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_order_and_sums_follow_the_numbers(left: int, right: int) -> None:
    a, b = parse(f"{left}m"), parse(f"{right}m")
    assert (a < b) == (left < right)
    assert (a + b).milli_value() == left + right
