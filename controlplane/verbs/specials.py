# SPDX-License-Identifier: Apache-2.0
"""Which subresources are not the whole object."""

from collections.abc import Mapping
from typing import Final

from controlplane.verbs.binding import BINDING
from controlplane.verbs.call import Call
from controlplane.verbs.eviction import EVICTION
from controlplane.verbs.scale import SCALE
from controlplane.verbs.subresources import Special
from controlplane.verbs.token import TOKEN

_SPECIAL: Final[Mapping[str, Special]] = {
    "binding": BINDING,
    "eviction": EVICTION,
    "scale": SCALE,
    "token": TOKEN,
}


def special_of(call: Call) -> Special | None:
    """How the call's subresource is answered; None for the object itself and for parts of it such as status."""
    return _SPECIAL.get(call.subresource.name) if call.subresource else None
