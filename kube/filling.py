# SPDX-License-Identifier: Apache-2.0
"""Putting values in where an object has none."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def filled(value: T, defaults: Mapping[str, Any], *, unset: tuple[Any, ...] = (None, "")) -> T:
    """A copy with these values where there were none; an empty text counts as none, as in Go."""
    missing = {name: default for name, default in defaults.items() if getattr(value, name) in unset}
    return msgspec.structs.replace(value, **missing)
