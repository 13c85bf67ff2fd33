# SPDX-License-Identifier: Apache-2.0
"""$(NAME) expansion: the table of the API's documentation, and that it never fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.expand import expand, names_in

VARIABLES = {"A": "alpha", "B": "$(A)", "EMPTY": "", "with.dot-and_more": "dotted"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "alpha"),
        ("-$(A)-$(A)-", "-alpha-alpha-"),
        ("$(B)", "$(A)"),
        ("[$(EMPTY)]", "[]"),
        ("$(with.dot-and_more)", "dotted"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$alpha"),
        ("$$$$(A)", "$$(A)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$(A $(A)", "$(A $(A)"),
        ("$()", "$()"),
        ("cost: 5$", "cost: 5$"),
        ("$$", "$"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expand(text, VARIABLES) == expected


@given(st.text(alphabet="$(AB} "))
def test_a_text_without_a_complete_reference_only_loses_doubled_dollars(text: str) -> None:
    assert expand(text, {}) == text.replace("$$", "$")


def test_names_are_found_where_expand_would_look_them_up() -> None:
    assert names_in("$(A)/$$(B)/$$$(C)/$D/$(E") == ("A", "C")
