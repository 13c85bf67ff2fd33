# SPDX-License-Identifier: Apache-2.0
"""Which address comes next: pure, and independent of how large a range is."""

from collections.abc import Set as AbstractSet

from netplugin.model import Address, AddressRange


def next_free(pool: AddressRange, taken: AbstractSet[Address], last: Address | None) -> Address | None:
    """The first free address after `last`, round the end to the start; None when the range is full.

    Going on from the last one given, instead of filling gaps, keeps an address unused for as long as
    possible after its pod has gone, so that what others still remember of it does not hit the next pod.
    """
    make = type(pool.first)
    number = int(last) if last is not None and last in pool else int(pool.first) - 1
    # Every step but the last meets a taken address or the gateway: a full range ends the loop.
    for _ in range(min(pool.size, len(taken)) + 2):
        number = number + 1 if number < int(pool.last) else int(pool.first)
        candidate = make(number)
        if candidate != pool.gateway and candidate not in taken:
            return candidate
    return None
