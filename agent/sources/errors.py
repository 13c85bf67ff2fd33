# SPDX-License-Identifier: Apache-2.0
"""What can go wrong while a manifest is read; it becomes a Problem and never leaves the sources."""

from agent.errors import AgentError


class ManifestError(AgentError):
    """A file or document that cannot be read as a whole.

    `line` counts from 1; 0 says that no line can be named.
    """

    def __init__(self, message: str, *, line: int = 0) -> None:
        """Keep the line apart, for the problem's source."""
        super().__init__(message)
        self.line = line
