# SPDX-License-Identifier: Apache-2.0
"""Values about images on the node."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import OperationError


@dataclass(frozen=True, slots=True)
class PullBackoff:
    """Delays after failed pulls of one image, in seconds: initial, doubling up to maximum."""

    initial: float = 10
    maximum: float = 300


@dataclass(frozen=True, slots=True)
class ImageNote:
    """Something to tell people of a container's image: an Event's type (Normal, Warning), reason and message."""

    type: str
    reason: str
    message: str


Tell = Callable[[ImageNote], None]


@dataclass(frozen=True, slots=True)
class EnsuredImage:
    """An image that is on the node: its id and size in bytes, and whether it had to be pulled."""

    id: str
    size: int
    pulled: bool


class ImageError(OperationError):
    """An image is not there and will not be before retry_at (seconds since the epoch)."""

    def __init__(self, reason: str, message: str, retry_at: float) -> None:
        """Keep when it is worth trying again."""
        super().__init__(reason, message)
        self.retry_at = retry_at
