# SPDX-License-Identifier: Apache-2.0
"""The mirror pod of a static pod: what the API server shows of it (pure)."""

from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from agent.api.intake import MIRROR, is_mirror
from agent.sources.model import DesiredPod, Origin, PodKey
from kube.times import microseconds

Json = dict[str, Any]

HASH: Final = "kubernetes.io/config.hash"
SEEN: Final = "kubernetes.io/config.seen"
SOURCE: Final = "kubernetes.io/config.source"


class Found(Protocol):
    """Where pods of the API server are looked up."""

    def get(self, key: PodKey) -> Json | None:
        """What the API server has under this name."""
        ...


def mirror_key(static: PodKey, node_name: str) -> PodKey:
    """The mirror's name: a static pod's name is the same on every node, so the node's is added."""
    return PodKey(static.namespace, f"{static.name}-{node_name}")


def static_key(mirror: PodKey, node_name: str) -> PodKey:
    """The inverse of mirror_key."""
    return PodKey(mirror.namespace, mirror.name.removesuffix(f"-{node_name}"))


def shown_uid(raw: Json) -> str:
    """The uid of the static pod that a mirror pod shows; "" for other pods."""
    return str((raw["metadata"].get("annotations") or {}).get(MIRROR, ""))


def find(pods: Found, desired: DesiredPod, node_name: str) -> Json | None:
    """The object of a pod in the API server, for a static pod its mirror; None when there is none of this uid."""
    if desired.origin is Origin.API:
        raw = pods.get(desired.key)
        return raw if raw is not None and raw["metadata"]["uid"] == desired.uid else None
    raw = pods.get(mirror_key(desired.key, node_name))
    return raw if raw is not None and is_mirror(raw) and shown_uid(raw) == desired.uid else None


def mirror_of(static: DesiredPod, node_name: str, node_uid: str, now: datetime) -> Json:
    """The object to create. Node and pod go together, so the Node owns it; NoExecute taints do not move it."""
    pod: Json = msgspec.to_builtins(static.pod)
    metadata, spec = pod.get("metadata") or {}, pod["spec"]
    key = mirror_key(static.key, node_name)
    annotations = {
        **(metadata.get("annotations") or {}),
        MIRROR: static.uid,
        HASH: static.uid,
        SEEN: microseconds(now),
        SOURCE: "file",
    }
    owner = {"apiVersion": "v1", "kind": "Node", "name": node_name, "uid": node_uid, "controller": True}
    tolerations = [*(spec.get("tolerations") or ()), {"effect": "NoExecute", "operator": "Exists"}]
    return {
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "annotations": annotations,
            "labels": metadata.get("labels") or {},
            "ownerReferences": [owner],
        },
        "spec": {**spec, "nodeName": node_name, "tolerations": tolerations},
    }
