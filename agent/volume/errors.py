# SPDX-License-Identifier: Apache-2.0
"""What keeps a volume from being used."""

from agent.errors import OperationError

FAILED_MOUNT = "FailedMount"


class VolumeError(OperationError):
    """A volume cannot be made, updated or removed; the text has the kernel's or the API's answer."""

    def __init__(self, message: str, reason: str = FAILED_MOUNT) -> None:
        """FailedMount is the reason of the Event that Kubernetes users look for."""
        super().__init__(reason, message)
