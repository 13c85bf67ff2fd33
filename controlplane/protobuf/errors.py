# SPDX-License-Identifier: Apache-2.0
"""What is wrong with encoded bytes."""


class WireError(Exception):
    """Bytes that are not what they should be; path is where, filled in from the inside out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []

    def inside(self, name: str) -> "WireError":
        """The same error, seen from the message that has it in this field."""
        self.path.insert(0, name)
        return self

    def __str__(self) -> str:
        where = ".".join(name for name in self.path if name)
        return f"{where}: {self.why}" if where else self.why
