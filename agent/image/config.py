# SPDX-License-Identifier: Apache-2.0
"""How images are pulled and kept."""

from dataclasses import dataclass
from pathlib import Path

from agent.image.gc import GcPolicy


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """parallel_pulls: 1 is one after the other. credentials: the node's config.json, as Docker writes it.

    providers is the file with the kubelet's CredentialProviderConfig, provider_bin the folder of their executables.
    """

    parallel_pulls: int = 4
    credentials: Path | None = None
    providers: Path | None = None
    provider_bin: Path | None = None
    gc: GcPolicy = GcPolicy()
