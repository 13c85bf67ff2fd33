# SPDX-License-Identifier: Apache-2.0
"""Files of variables for fileKeyRef, and Go's way to quote."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pod.env_file import find
from agent.pod.errors import ConfigError
from agent.pod.goquote import quote

ROWS = {
    "plain": ("A='1'", "1"),
    "empty": ("A=''", ""),
    "empty before a blank": ("A= 'x'", ""),
    "other first": ("B='2'\nA='1'\n", "1"),
    "the first counts": ("A='1'\nA='2'\n", "1"),
    "blank lines and comments": ("\n  \n# A='0'\n\t# x\n  A='1' # why\n", "1"),
    "lines": ("A='1\n  2\n'\n", "1\n  2\n"),
    "what looks like more inside": ("B='\nA='\nA='1'", "1"),
    "nothing is expanded": ("A='$B \\n \"'", '$B \\n "'),
    "carriage returns": ("A='1'\r\nB='2'\r\n", "1"),
    "later faults do not matter": ("A='1'\nnonsense", "1"),
    "absent": ("B='1'", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize("row", ROWS)
def test_value(row: str) -> None:
    text, value = ROWS[row]
    assert find(text, "A") == value


REFUSED = {
    "no equals": ("\nnonsense\n", "line 2: missing '='"),
    "no name": ("='1'", "line 1: empty variable name"),
    "blank before equals": ("A ='1'", "line 1: whitespace before '=' is not allowed"),
    "unquoted": ("# x\nA=1", "line 2: value must be enclosed in single quotes"),
    "nothing": ("A=\n", "line 1: value must be enclosed in single quotes"),
    "double quotes": ('A="1"', "value must be enclosed in single quotes"),
    "never closed": ("B='1'\nA='1\n2", "line 2: unclosed single quote"),
    "more behind": ("A='1'2", "line 1: unexpected content after closing quote"),
    "line after lines": ("B='\n\n'\nC=1", "line 4: value must be"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_fault(row: str) -> None:
    text, words = REFUSED[row]
    with pytest.raises(ConfigError) as caught:
        find(text, "A")
    assert words in str(caught.value)


@given(st.text(max_size=40).filter(lambda text: "'" not in text and "\r" not in text))
def test_any_value_without_a_quote_comes_through(value: str) -> None:
    assert find(f"B='{value}'\nA='{value}'", "A") == value


@given(st.text(alphabet="A= '#\n\t\rx", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        find(text, "A")


QUOTED = {
    "plain": ("a b", '"a b"'),
    "escapes": ('\a\b\f\n\r\t\v\\"', r'"\a\b\f\n\r\t\v\\\""'),
    "control": ("\x00\x1b\x7f", r'"\x00\x1b\x7f"'),
    "letters": ("é世😀", '"é世😀"'),
    "unprintable": ("\u200b\u0085\U000e0001", r'"\u200b\u0085\U000e0001"'),
    "no UTF-8": ("\udcff", r'"\xff"'),
}


@pytest.mark.parametrize("row", QUOTED)
def test_quoting(row: str) -> None:
    text, quoted = QUOTED[row]
    assert quote(text) == quoted
