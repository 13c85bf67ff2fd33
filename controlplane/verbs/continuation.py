# SPDX-License-Identifier: Apache-2.0
"""Continue tokens: where a list in pages goes on, and as of which revision. Opaque to clients."""

import base64
import binascii
from dataclasses import dataclass

import msgspec

from controlplane.errors import bad_request


@dataclass(frozen=True, slots=True)
class Position:
    """The next page begins at `start` (the part of the key after the resource's prefix), as of `revision`."""

    revision: int
    start: str

    def to_token(self) -> str:
        """As metadata.continue has it."""
        data = msgspec.json.encode({"v": "orlop", "rv": self.revision, "start": self.start})
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parse_token(token: str) -> Position:
    """Read a token. Raises ApiError 400 for one that is not ours."""
    try:
        data = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = data["rv"], data["start"]
    except (binascii.Error, msgspec.MsgspecError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise bad_request("continue key is not valid") from error
    if (
        type(revision) is not int
        or not 0 < revision < 1 << 62
        or not isinstance(start, str)
        or "\0" in start[:-1]
    ):
        raise bad_request("continue key is not valid")
    return Position(revision, start)
