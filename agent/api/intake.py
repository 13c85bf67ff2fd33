# SPDX-License-Identifier: Apache-2.0
"""A pod of the API server as this node takes it, pure."""

from datetime import datetime
from typing import Any, Final

from lightkube.models import core_v1, meta_v1

from agent.sources.model import Deletion, DesiredPod, Origin, PodKey, Refusal
from agent.sources.refusal import refusal_of
from kube.strict import decode

Json = dict[str, Any]
MIRROR: Final = "kubernetes.io/config.mirror"
SOURCE: Final = "api"


def is_mirror(raw: Json) -> bool:
    """Whether the pod only shows a static pod of its node."""
    return MIRROR in (raw["metadata"].get("annotations") or {})


def desired_pod(raw: Json) -> DesiredPod:
    """The pod with its deletion, and with its refusal if it asks for what this node does not do.

    Fields that this version does not know are passed over, as every kubelet does: a newer API server fills them in.
    """
    decoded = decode(core_v1.Pod, {key: value for key, value in raw.items() if key != "status"})
    pod = decoded.value or decoded.best_effort
    # What others wrote there is no reason not to run the pod.
    pod.status = decode(core_v1.PodStatus, raw.get("status") or {}).best_effort
    metadata = pod.metadata or meta_v1.ObjectMeta()
    refusal = refusal_of(pod)
    if decoded.value is None:
        refusal = Refusal("InvalidPod", "; ".join(map(str, decoded.problems)))
    return DesiredPod(
        key=PodKey(metadata.namespace or "", metadata.name or ""),
        uid=metadata.uid or "",
        pod=pod,
        source=SOURCE,
        origin=Origin.API,
        deletion=_deletion(metadata),
        refusal=refusal,
    )


def _deletion(metadata: meta_v1.ObjectMeta) -> Deletion | None:
    when = metadata.deletionTimestamp
    if not isinstance(when, datetime):
        return None
    return Deletion(when.timestamp(), metadata.deletionGracePeriodSeconds or 0)
