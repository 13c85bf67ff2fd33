# SPDX-License-Identifier: Apache-2.0
"""What a container is in its pod."""

from enum import StrEnum

from lightkube.models import core_v1

AnyContainer = core_v1.Container | core_v1.EphemeralContainer


class Role(StrEnum):
    """It decides about order, restarts, and what ready means."""

    APP = "app"
    INIT = "init"
    SIDECAR = "sidecar"
    EPHEMERAL = "ephemeral"


def is_sidecar(container: core_v1.Container) -> bool:
    """An init container that runs on beside the others."""
    return container.restartPolicy == "Always"
