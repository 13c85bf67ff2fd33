# SPDX-License-Identifier: Apache-2.0
"""$(NAME) in a container's command, args and env, as the API's documentation of Container describes it."""

import re
from collections.abc import Mapping
from typing import Final

# Two dollars, or a name in parentheses. Any other dollar is an ordinary character.
_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in for $(NAME); a name that is not known stays as it was written, and $$ gives one $.

    So "$$(NAME)" gives "$(NAME)" whatever NAME is. Values are put in as they are: what they contain is not
    expanded.
    """
    if "$" not in text:
        return text
    return _REFERENCE.sub(lambda found: _replacement(found, variables), text)


def names_in(text: str) -> tuple[str, ...]:
    """The names that expand would look up, in the order of their places."""
    return tuple(found[1] for found in _REFERENCE.finditer(text) if found[1] is not None)


def _replacement(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name = found[1]
    return "$" if name is None else variables.get(name, found[0])
