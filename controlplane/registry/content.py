# SPDX-License-Identifier: Apache-2.0
"""What ConfigMaps and Secrets share: keys that can be file names, a size, and `immutable`."""

import re
from collections.abc import Iterable
from typing import Final

from controlplane.registry.data import Json, look, mapping
from kube.problem import FieldProblem, forbidden, invalid, too_long

MAX_SIZE: Final = 1 << 20
IMMUTABLE_CONFIG: Final = ("data", "binaryData")
IMMUTABLE_SECRET: Final = ("data",)

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_ACCEPTED: Final = (
    'at most 253 letters, digits, "-", "_" and ".", not "." and nothing that begins with ".."'
)


def check_content(obj: Json, fields: tuple[str, ...]) -> Iterable[FieldProblem]:
    """Keys are file names, none is in two fields, and all values together are at most 1 MiB."""
    seen: set[str] = set()
    size = 0
    for field in fields:
        for key, value in mapping(obj, field).items():
            if not _is_key(key):
                yield invalid((field, key), key, _KEY_ACCEPTED)
            if key in seen:
                yield invalid((field, key), key, "a key that is in one of the two maps only")
            seen.add(key)
            # Base64 has four characters for three bytes.
            size += len(value) * 3 // 4 if field != "data" or fields == ("data",) else len(value.encode())
    if size > MAX_SIZE:
        yield too_long((fields[0],), MAX_SIZE)


def check_frozen(obj: Json, old: Json, fields: tuple[str, ...]) -> Iterable[FieldProblem]:
    """Once immutable is true it stays, and so does the content."""
    if not look(old, "immutable"):
        return
    if not look(obj, "immutable"):
        yield forbidden(("immutable",), "field is immutable when `immutable` is set")
    for field in fields:
        if mapping(obj, field) != mapping(old, field):
            yield forbidden((field,), "field is immutable when `immutable` is set")


def _is_key(key: str) -> bool:
    return len(key) <= 253 and _KEY.fullmatch(key) is not None and key != "." and not key.startswith("..")
