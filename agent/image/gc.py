# SPDX-License-Identifier: Apache-2.0
"""Which images to remove so that the disk does not fill, as a pure function; the kubelet's rules.

Above the high threshold the images that were unused longest go, until the low one is reached; images that nothing has
used for the maximum age go whatever the disk says. Never one that is in use or pinned, or that came a moment ago.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cri.model import Image


@dataclass(frozen=True, slots=True)
class GcPolicy:
    """Percent of the disk's size, and seconds; maximum_age 0 means that age alone is no reason."""

    high_percent: int = 85
    low_percent: int = 80
    minimum_age: float = 120
    maximum_age: float = 0


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds the images, in bytes."""

    capacity: int
    available: int

    @property
    def used_percent(self) -> float:
        """0 for a disk of no size."""
        return 100 - self.available * 100 / self.capacity if self.capacity else 0


@dataclass(frozen=True, slots=True)
class Seen:
    """When an image was first seen on the node, and last in use (0: never since); seconds since the epoch."""

    first: float
    used: float = 0

    @property
    def idle_since(self) -> float:
        """What the order of removal goes by."""
        return self.used or self.first


def look_at(
    before: Mapping[str, Seen], images: Iterable[Image], in_use: Collection[str], now: float
) -> dict[str, Seen]:
    """The records after a look: images that came and that are used now; what is gone is forgotten."""
    known = {image.id: before.get(image.id, Seen(now)) for image in images}
    return {id: Seen(seen.first, now) if id in in_use else seen for id, seen in known.items()}  # noqa: A001


def is_used(image: Image, names: Collection[str]) -> bool:
    """Whether one of these names or ids is the image's."""
    return image.id in names or any(name in names for name in (*image.tags, *image.digests))


def plan_gc(
    images: Iterable[Image], seen: Mapping[str, Seen], disk: Disk, policy: GcPolicy, now: float
) -> tuple[Image, ...]:
    """The images to remove, the one unused for the longest time first; seen comes from `look_at` at the same time."""
    free = sorted(
        (image for image in images if _may_go(image, seen[image.id], policy, now)),
        key=lambda image: (seen[image.id].idle_since, seen[image.id].first, image.id),
    )
    old = [image for image in free if _is_old(seen[image.id], policy, now)]
    needed = to_free(disk, policy) - sum(image.size for image in old)
    more = []
    for image in free[len(old) :]:
        if needed <= 0:
            break
        more.append(image)
        needed -= image.size
    return (*old, *more)


def to_free(disk: Disk, policy: GcPolicy) -> int:
    """Bytes to be freed so that the low threshold is reached; 0 below the high one."""
    if not disk.capacity or disk.used_percent < policy.high_percent:
        return 0
    return max(0, disk.capacity * (100 - policy.low_percent) // 100 - disk.available)


def _may_go(image: Image, seen: Seen, policy: GcPolicy, now: float) -> bool:
    return not image.pinned and seen.used < now and now - seen.first >= policy.minimum_age


def _is_old(seen: Seen, policy: GcPolicy, now: float) -> bool:
    return policy.maximum_age > 0 and now - seen.idle_since > policy.maximum_age
