# SPDX-License-Identifier: Apache-2.0
"""JSON Pointer (RFC 6901) over plain values."""

import re
from typing import Any, Final

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
# Where add appends to a list (RFC 6902, 4.1).
END: Final = "-"


class PointerError(ValueError):
    """The pointer is malformed, or leads to nothing; says why, without naming the pointer."""


def parse(text: str) -> tuple[str, ...]:
    """The reference tokens: "/a~1b/0" -> ("a/b", "0"); "" is the whole document. Raises PointerError."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise PointerError('it must be empty or begin with "/"')
    if _BAD_ESCAPE.search(text):
        raise PointerError('"~" must be followed by 0 or 1')
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))


def look_up(document: Any, tokens: tuple[str, ...]) -> Any:
    """The value there. Raises PointerError when there is none."""
    for token in tokens:
        document = step(document, token)
    return document


def step(container: Any, token: str) -> Any:
    """The member or item of this name. Raises PointerError."""
    if isinstance(container, dict):
        if token not in container:
            raise PointerError(f'there is no member "{token}"')
        return container[token]
    if isinstance(container, list):
        return container[index(token, len(container))]
    raise PointerError(f'"{token}" leads into a value that is neither an object nor a list')


def index(token: str, count: int) -> int:
    """The token as the index of one of count items. Raises PointerError."""
    if not _INDEX.fullmatch(token):
        raise PointerError(f'"{token}" is no index of a list')
    if int(token) >= count:
        raise PointerError(f"index {token} is past the end of a list of {count}")
    return int(token)
