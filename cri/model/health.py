# SPDX-License-Identifier: Apache-2.0
"""What a gRPC health service answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """Whether the service is serving, and if not why, in the kubelet's words."""

    serving: bool
    why: str = ""
