# SPDX-License-Identifier: Apache-2.0
"""Which images go when the disk fills or they are old, and which never do."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.image.collector import ImageCollector, measure_disk
from agent.image.gc import Disk, GcPolicy, Seen, look_at, plan_gc, to_free
from cri import connect
from cri.model import Image
from tests.support.fake_cri import FakeRuntime

NOW = 10_000.0
FULL, EMPTY = Disk(1000, 50), Disk(1000, 900)


def image(name: str, size: int = 100, *, pinned: bool = False) -> Image:
    return Image(name, (f"r.example/{name}:1",), (), size, pinned=pinned)


@pytest.mark.parametrize(("available", "bytes_to_free"), [(900, 0), (151, 0), (150, 50), (50, 150), (0, 200)])
def test_bytes_to_free(available: int, bytes_to_free: int) -> None:
    assert to_free(Disk(1000, available), GcPolicy()) == bytes_to_free


@pytest.mark.parametrize(
    ("seen", "disk", "policy", "gone"),
    [
        ({"a": Seen(1, 50), "b": Seen(1, 30), "c": Seen(1, 40)}, EMPTY, GcPolicy(), ""),
        ({"a": Seen(1, 50), "b": Seen(1, 30), "c": Seen(1, 40)}, FULL, GcPolicy(), "bc"),
        ({"a": Seen(1, NOW), "b": Seen(1, NOW), "c": Seen(1, 40)}, FULL, GcPolicy(), "c"),
        ({"a": Seen(NOW - 119), "b": Seen(NOW - 120), "c": Seen(NOW - 60)}, FULL, GcPolicy(), "b"),
        ({"a": Seen(1), "b": Seen(2), "c": Seen(NOW - 200)}, EMPTY, GcPolicy(maximum_age=1000), "ab"),
        ({"a": Seen(1, NOW - 900), "b": Seen(2), "c": Seen(3)}, EMPTY, GcPolicy(maximum_age=1000), "bc"),
        ({"a": Seen(1), "b": Seen(2), "c": Seen(NOW - 200)}, FULL, GcPolicy(maximum_age=9998.5), "ab"),
    ],
)
def test_what_goes(seen: dict[str, Seen], disk: Disk, policy: GcPolicy, gone: str) -> None:
    assert (
        "".join(each.id for each in plan_gc([image(name) for name in "abc"], seen, disk, policy, NOW)) == gone
    )


def test_pinned_images_stay() -> None:
    assert plan_gc([image("a", pinned=True)], {"a": Seen(0)}, FULL, GcPolicy(maximum_age=1), NOW) == ()


def test_records_begin_when_seen_and_end_when_gone() -> None:
    first = look_at({"gone": Seen(1)}, [image("a"), image("b")], {"b"}, 100)
    assert first == {"a": Seen(100), "b": Seen(100, 100)}
    assert look_at(first, [image("a"), image("b")], set(), 200) == first


@given(
    st.lists(
        st.tuples(st.integers(1, 500), st.floats(0, NOW), st.floats(0, NOW), st.booleans()), max_size=12
    ),
    st.integers(0, 1000),
)
def test_enough_goes_and_nothing_that_is_used(
    rows: list[tuple[int, float, float, bool]], available: int
) -> None:
    images = [image(str(n), size, pinned=pinned) for n, (size, _, _, pinned) in enumerate(rows)]
    seen = {str(n): Seen(first, used) for n, (_, first, used, _) in enumerate(rows)}
    disk, policy = Disk(1000, available), GcPolicy()
    gone = plan_gc(images, seen, disk, policy, NOW)
    assert len({each.id for each in gone}) == len(gone)
    assert not any(each.pinned or seen[each.id].used == NOW for each in gone)
    needed, freed = to_free(disk, policy), sum(each.size for each in gone)
    could = [each for each in images if not each.pinned and seen[each.id].used < NOW - 0]
    could = [each for each in could if NOW - seen[each.id].first >= 120]
    assert freed >= min(needed, sum(each.size for each in could))
    assert not gone or freed - gone[-1].size < needed, "not one more than needed"


def test_the_collector_keeps_what_containers_and_pods_use(tmp_path: Path) -> None:
    warnings: list[tuple[str, str]] = []
    now = [NOW]

    async def scene() -> list[str]:
        fake = FakeRuntime(tmp_path / "cri.sock")
        fake.images = ["r.example/wanted:1", "r.example/free:1"]
        await fake.start()
        runtime = await connect(fake.socket)
        collector = ImageCollector(
            runtime,
            GcPolicy(),
            lambda: ["r.example/wanted:1"],
            warn=lambda reason, text: warnings.append((reason, text)),
            clock=lambda: now[0],
            measure=lambda _folder: Disk(100_000, 1000),
        )
        try:
            assert await collector.collect() == (), "what came a moment ago stays"
            now[0] += 200
            removed = await collector.collect()
            assert [each.tags for each in removed] == [("r.example/free:1",)]
            return fake.images
        finally:
            await runtime.close()
            await fake.close()

    assert asyncio.run(scene()) == ["r.example/wanted:1"]
    assert warnings[-1] == (
        "FreeDiskSpaceFailed",
        "Failed to garbage collect required amount of images. Attempted to free 19000 bytes, but only "
        "found 1000 bytes eligible to free.",
    )


def test_a_folders_disk_is_measured(tmp_path: Path) -> None:
    disk = measure_disk(str(tmp_path))
    assert 0 < disk.available <= disk.capacity
