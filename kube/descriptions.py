# SPDX-License-Identifier: Apache-2.0
"""What the API says about its types and fields, read from the docstrings of lightkube's models.

Nothing is kept: the texts of all types together take megabytes, and only `explain` and OpenAPI ask for them.
"""

import re
from typing import Final, NamedTuple

import msgspec

_PARAMETERS: Final = "**parameters**"
_FIELD: Final = re.compile(r"^ *\* \*\*(?P<name>[^*]+)\*\* ``[^`]*``(?: - (?P<text>.*))?$")


class Descriptions(NamedTuple):
    """The text about a type, and the texts about its fields by attribute name; "" or absent where there is none."""

    text: str
    fields: dict[str, str]


def descriptions_of(model: type[msgspec.Struct]) -> Descriptions:
    """Read the docstring of a model."""
    about, _, parameters = (model.__doc__ or "").partition(_PARAMETERS)
    fields: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in parameters.splitlines():
        if found := _FIELD.match(line):
            lines = fields.setdefault(found["name"], [])
            lines.append(found["text"] or "")
        else:
            lines.append(line.strip())
    return Descriptions(_joined(about.splitlines()), {name: _joined(text) for name, text in fields.items()})


def _joined(lines: list[str]) -> str:
    """Wrapped lines as one; an empty line begins a paragraph."""
    text = "\n".join(line.strip() for line in lines).strip()
    return re.sub(r"\n+", lambda found: " " if len(found[0]) == 1 else "\n\n", text)
