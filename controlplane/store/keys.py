# SPDX-License-Identifier: Apache-2.0
"""Ranges of keys, in the order that Python, SQLite (BINARY) and etcd (bytes of UTF-8) agree on: by code point."""

_LAST = "\U0010ffff"


def end_of(prefix: str) -> str:
    """A key behind every key that begins with prefix; keys do not contain U+10FFFF."""
    return prefix + _LAST


def first_of(prefix: str, start_key: str) -> str:
    """Where a list begins: at start_key, but never before the prefix."""
    return max(prefix, start_key)


def following(key: str) -> str:
    """The smallest key that is greater: what a list goes on with."""
    return key + "\0"
