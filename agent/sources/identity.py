# SPDX-License-Identifier: Apache-2.0
"""The uid of a pod, from what was written."""

import uuid
from typing import Final

import msgspec
from lightkube.models import core_v1

from agent.sources.model import PodKey

# Drawn at random once. Another value would make every pod of every node a new one.
_NAMESPACE: Final = uuid.UUID("c1abf259-de44-4a14-af92-a917968f1742")
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def uid_of(pod: core_v1.Pod, key: PodKey, node_name: str) -> str:
    """A UUID that stays as long as node, name and content do.

    `pod` is the pod as written, without defaults, so that a later version with other defaults does not make every
    pod a new one. Comments, the order of keys and the way of quoting are gone by then.
    """
    content = _encoder.encode(pod).decode()
    return str(uuid.uuid5(_NAMESPACE, f"{node_name}\n{key.namespace}\n{key.name}\n{content}"))
