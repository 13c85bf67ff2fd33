# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cgroup.shares import milli_to_quota, milli_to_shares, shares_to_weight, weight_to_shares


@pytest.mark.parametrize(
    ("shares", "weight"), [(0, 1), (2, 1), (3, 2), (1024, 100), (262_144, 10_000), (10**9, 10_000)]
)
def test_both_ends_and_the_defaults_meet(shares: int, weight: int) -> None:
    assert shares_to_weight(shares) == weight


@given(st.integers(min_value=2, max_value=262_143))
def test_more_shares_never_weigh_less(shares: int) -> None:
    assert 1 <= shares_to_weight(shares) <= shares_to_weight(shares + 1) <= 10_000


@given(st.integers(min_value=1, max_value=10_000))
def test_a_weight_reads_back_as_itself(weight: int) -> None:
    assert shares_to_weight(weight_to_shares(weight)) == weight


@pytest.mark.parametrize(
    ("milli", "shares"), [(0, 2), (1, 2), (2, 2), (200, 204), (1000, 1024), (10**9, 262_144)]
)
def test_a_core_is_1024_shares(milli: int, shares: int) -> None:
    assert milli_to_shares(milli) == shares


@pytest.mark.parametrize(("milli", "quota"), [(0, 0), (1, 1000), (10, 1000), (200, 20_000), (2500, 250_000)])
def test_a_core_is_one_period_of_quota(milli: int, quota: int) -> None:
    assert milli_to_quota(milli) == quota
