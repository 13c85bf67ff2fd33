# SPDX-License-Identifier: Apache-2.0
"""Framing between shim and daemon: whole, in pieces, cut off and hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplugin.errors import DaemonError
from netplugin.frame import MAX_STDIN, Call, read_call

NAMESPACE = "net:[4026531840]"
VARIABLES = st.dictionaries(
    st.from_regex(r"CNI_[A-Z]{1,10}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
)


def encode_call(call):
    """As the shim writes it."""
    environment = "\0".join(f"{name}={value}" for name, value in call.environ.items()).encode()
    header = f"orlop-cni 1 {len(environment)} {len(call.stdin)} {call.namespace}\n"
    return header.encode() + environment + call.stdin


def pieces(data, sizes=()):
    """A receive function that hands over pieces of these sizes and then the rest."""
    left = [data]
    waiting = list(sizes)

    def receive(limit):
        size = min(waiting.pop(0) if waiting else limit, limit)
        part, left[0] = left[0][:size], left[0][size:]
        return part

    return receive


@given(VARIABLES, st.binary(max_size=200), st.lists(st.integers(1, 30), max_size=20))
def test_a_call_arrives_as_it_was_sent_however_it_is_cut(environ, stdin, sizes):
    call = Call(environ, stdin, NAMESPACE)
    assert read_call(pieces(encode_call(call), sizes)) == call


@given(VARIABLES, st.binary(max_size=50), st.data())
def test_a_call_that_ends_early_is_refused(environ, stdin, data):
    whole = encode_call(Call(environ, stdin, NAMESPACE))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DaemonError, match="cannot read a request"):
        read_call(pieces(whole[:cut]))


@given(st.binary(max_size=400))
def test_garbage_is_refused_and_nothing_else_happens(data):
    with pytest.raises(DaemonError, match="cannot read a request"):
        read_call(pieces(data))


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\n",
        b"orlop-cni 2 0 0 net:[1]\n",
        b"orlop-cni 1 0 net:[1]\n",
        b"orlop-cni 1 -1 0 net:[1]\n",
        b"orlop-cni 1 0 99999999999999999999 net:[1]\n",
        f"orlop-cni 1 0 {MAX_STDIN + 1} net:[1]\n".encode(),
        b"orlop-cni 1 0 0 net:[1]\ntoo much",
        b"x" * 5000,
    ],
)
def test_sizes_and_greeting_are_checked(header):
    with pytest.raises(DaemonError, match="cannot read a request"):
        read_call(pieces(header))
