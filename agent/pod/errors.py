# SPDX-License-Identifier: Apache-2.0
"""What keeps one container of a pod from being created."""

from agent.errors import OperationError


class ConfigError(OperationError):
    """A container's configuration cannot be made; its waiting state is CreateContainerConfigError with this text."""

    def __init__(self, message: str) -> None:
        """The reason is the kubelet's for everything that is wrong before the runtime is asked."""
        super().__init__("CreateContainerConfigError", message)
