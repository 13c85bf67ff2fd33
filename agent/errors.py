# SPDX-License-Identifier: Apache-2.0
"""The agent's errors. Each says what could not be done and why; reason is the word the Kubernetes API uses."""


class AgentError(Exception):
    """What the agent could not do for a pod, a container or the node."""


class OperationError(AgentError):
    """An operation of a plan failed; reason is one CamelCase word, as in a container's waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason apart, for status; the text is for people."""
        super().__init__(message)
        self.reason = reason
