# SPDX-License-Identifier: Apache-2.0
"""What the table can say of a field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec


@dataclass(frozen=True, slots=True)
class Supported:
    """The field is honoured. `values` lists the only ones that are, `keys` the only keys of a map."""

    values: tuple[object, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The field has no effect here, so setting it is an error; `instead` says what can be done."""

    instead: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """The field may be there and does nothing, as in the API itself."""

    reason: str


Support = Supported | Refused | Ignored
Fields = Mapping[type[msgspec.Struct], Mapping[str, Support]]

YES: Final = Supported()
NO: Final = Refused()
# What a Pod that was printed by an API server carries, and what that server ignores in a create too.
SET_BY_SERVER: Final = Ignored("the API server writes it; in a create it means nothing")
SCHEDULED: Final = Ignored("the scheduler acts on it before the pod comes to a node")


def every(names: str) -> dict[str, Support]:
    """These fields, all of them honoured."""
    return dict.fromkeys(names.split(), YES)


def none_of(names: Iterable[str], instead: str = "") -> dict[str, Support]:
    """These fields, none of them honoured."""
    return dict.fromkeys(names, Refused(instead))
