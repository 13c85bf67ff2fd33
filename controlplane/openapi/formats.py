# SPDX-License-Identifier: Apache-2.0
"""How wide numbers are, and which strings are base64: what the models do not tell, and the tables of protobuf do."""

from collections.abc import Iterator
from typing import Final

import msgspec

from controlplane.protobuf.tables import INLINE, Field, message
from kube.schema import type_name

_FORMATS: Final = {"int32": "int32", "int64": "int64", "double": "double", "bytes": "byte"}


def formats_of(model: type[msgspec.Struct]) -> dict[str, str]:
    """JSON name -> format, for those scalars, lists and maps of scalars that have one; {} without a table."""
    told = _flat(type_name(model))
    return {field.name: _FORMATS[field.type] for field in told if field.type in _FORMATS}


def _flat(name: str) -> Iterator[Field]:
    found = message(name)
    for field in found.fields.values() if found else ():
        if field.name == INLINE:
            yield from _flat(field.message)
        else:
            yield field
