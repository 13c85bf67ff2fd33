# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.cgroup import v1, v2
from agent.cgroup.model import CgroupLimits

NOTHING = CgroupLimits(1024, None, 100_000, None, None)
MIB = 2**20


def v1_writes(
    now: CgroupLimits, wanted: CgroupLimits, *, counts_swap: bool = False
) -> list[tuple[str, object]]:
    return [(write.file, write.value) for write in v1.plan_writes(now, wanted, counts_swap=counts_swap)]


def test_v1_a_lower_limit_is_written_before_the_one_with_swap_and_a_higher_one_after() -> None:
    low, high = replace(NOTHING, memory_max=MIB), replace(NOTHING, memory_max=2 * MIB)
    assert v1_writes(high, low, counts_swap=True) == [("limit_in_bytes", MIB), ("memsw_limit_in_bytes", MIB)]
    assert v1_writes(low, high, counts_swap=True) == [
        ("memsw_limit_in_bytes", 2 * MIB),
        ("limit_in_bytes", 2 * MIB),
    ]
    assert v1_writes(low, NOTHING, counts_swap=True)[0] == ("memsw_limit_in_bytes", None)
    assert v1_writes(NOTHING, low, counts_swap=True)[0] == ("limit_in_bytes", MIB)


def test_v1_a_new_period_goes_in_while_there_is_no_quota() -> None:
    now = replace(NOTHING, cpu_quota_us=50_000)
    wanted = replace(NOTHING, cpu_quota_us=10_000, cpu_period_us=20_000)
    assert v1_writes(now, wanted) == [
        ("cfs_quota_us", None),
        ("cfs_period_us", 20_000),
        ("cfs_quota_us", 10_000),
    ]


def test_v2_swap_is_closed_before_memory_and_opened_again_with_it() -> None:
    limited = replace(NOTHING, memory_max=MIB)
    closing = v2.plan_writes(NOTHING, limited, counts_swap=True)
    assert [(write.file, write.value) for write in closing] == [("memory_swap_max", 0), ("memory_max", MIB)]
    opening = v2.plan_writes(limited, NOTHING, counts_swap=True)
    assert [(write.file, write.value) for write in opening] == [
        ("memory_swap_max", None),
        ("memory_max", None),
    ]


limits = st.builds(
    CgroupLimits,
    cpu_shares=st.none() | st.integers(2, 262_144),
    cpu_quota_us=st.none() | st.integers(1000, 10**6),
    cpu_period_us=st.none() | st.integers(1000, 10**6),
    memory_max=st.none() | st.integers(4096, 2**40),
    pids_max=st.none() | st.integers(1, 10**6),
)


@given(limits, limits, st.booleans())
def test_v1_the_writes_lead_to_what_was_wanted_and_swap_is_never_below_memory(
    now: CgroupLimits, wanted: CgroupLimits, counts_swap: bool
) -> None:
    def state_of(some: CgroupLimits) -> dict[str, object]:
        return {
            "shares": some.cpu_shares or 1024,
            "cfs_quota_us": some.cpu_quota_us,
            "cfs_period_us": some.cpu_period_us or 100_000,
            "limit_in_bytes": some.memory_max,
            "memsw_limit_in_bytes": some.memory_max,
            "max": some.pids_max,
        }

    state = state_of(now)
    for write in v1.plan_writes(
        replace(now, cpu_shares=now.cpu_shares or 1024), wanted, counts_swap=counts_swap
    ):
        state[write.file] = write.value
        if counts_swap:
            assert _number(state["memsw_limit_in_bytes"]) >= _number(state["limit_in_bytes"])
    expected = state_of(wanted)
    if not counts_swap:
        del state["memsw_limit_in_bytes"], expected["memsw_limit_in_bytes"]
    assert state == expected


def _number(limit: object) -> float:
    return limit if isinstance(limit, int) else float("inf")


@given(limits)
def test_nothing_is_written_where_nothing_differs(some: CgroupLimits) -> None:
    settled = replace(some, cpu_shares=some.cpu_shares or 1024)
    assert v1.plan_writes(settled, some, counts_swap=True) == []
    assert v2.plan_writes(settled, some, counts_swap=True) == []
