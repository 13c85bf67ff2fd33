# SPDX-License-Identifier: Apache-2.0
"""The node's folder of manifests and the API server as one snapshot, pure.

A pod of the folder wins over one of the same name from the API server: whoever may write to the API shall not be able
to end what this machine's owner put into its folder. The other one is refused, which its status in the API tells.
"""

from dataclasses import replace

from agent.sources.model import DesiredPod, PodKey, Refusal, Snapshot


def merge(folder: Snapshot, api: Snapshot) -> Snapshot:
    """What should run here. Where a source cannot be read now (`is_blind`), nothing follows from a pod's absence."""
    return Snapshot(
        pods={**api.pods, **folder.pods},
        problems=(*folder.problems, *api.problems),
        broken_files=folder.broken_files | api.broken_files,
        is_blind=folder.is_blind or api.is_blind,
    )


def displaced(folder: Snapshot, api: Snapshot) -> dict[PodKey, DesiredPod]:
    """The pods of the API server whose names the folder has, each with its refusal; they never start here."""
    return {
        key: replace(pod, refusal=_refusal(folder.pods[key]))
        for key, pod in api.pods.items()
        if key in folder.pods
    }


def _refusal(winner: DesiredPod) -> Refusal:
    message = (
        f"pod {winner.key} is already defined on this node by the manifest {winner.source}; "
        "accepted: another name, or no such manifest"
    )
    return Refusal("NameConflict", message)
