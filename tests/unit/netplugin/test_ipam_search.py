# SPDX-License-Identifier: Apache-2.0
"""Which address comes next."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from netplugin.ipam.search import next_free
from netplugin.ranges import read_ranges


def pool(subnet, **bounds):
    return read_ranges([{"subnet": subnet, **bounds}])[0]


def test_addresses_are_given_in_turn_and_not_reused_at_once():
    small = pool("10.0.0.0/29")
    given_out, last = [], None
    for _ in range(7):
        last = next_free(small, frozenset(), last)
        given_out.append(str(last)[-1])
    assert "".join(given_out) == "2345623"


@given(st.sets(st.integers(1, 14)), st.none() | st.integers(0, 20), st.integers(1, 14))
def test_a_free_address_is_found_exactly_if_there_is_one(taken, last, gateway):
    small = pool("10.0.0.0/28", gateway=f"10.0.0.{gateway}")
    used = frozenset(ip_address(f"10.0.0.{number}") for number in taken)
    found = next_free(small, used, None if last is None else ip_address("10.0.0.0") + last)
    free = {number for number in range(1, 15) if number not in taken and number != gateway}
    assert (found is not None) == bool(free)
    if found is not None:
        assert int(found) & 15 in free


def test_a_huge_range_is_searched_in_no_time():
    huge = pool("fd00::/64")
    used = frozenset(ip_address("fd00::") + number for number in range(2, 500))
    assert next_free(huge, used, None) == ip_address("fd00::1f4")
