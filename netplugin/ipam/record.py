# SPDX-License-Identifier: Apache-2.0
"""The content of an allocation file: JSON that a person can read; a power loss may leave garbage."""

import json
from dataclasses import replace

from netplugin.model import Address, Allocation

_TEXTS = {
    "containerID": "container_id",
    "ifname": "ifname",
    "netns": "netns",
    "podNamespace": "pod_namespace",
    "podName": "pod_name",
    "podUID": "pod_uid",
    "hostVeth": "host_veth",
    "bridge": "bridge",
}
_NUMBERS = {"created": "created", "addMilliseconds": "duration_ms"}


def encode(allocation: Allocation) -> bytes:
    """One JSON object, indented, with a final newline."""
    fields = {key: getattr(allocation, name) for key, name in {**_TEXTS, **_NUMBERS}.items()}
    return json.dumps({"address": str(allocation.address), **fields}, indent=1).encode() + b"\n"


def decode(network: str, address: Address, content: bytes, modified: float) -> Allocation:
    """The allocation in a file; one "held by unknown" since `modified` when the content makes no sense."""
    unknown = Allocation(network, address, created=modified)
    try:
        fields = json.loads(content)
    except ValueError:
        return unknown
    if not isinstance(fields, dict) or not isinstance(fields.get("containerID"), str):
        return unknown
    texts = {name: fields[key] for key, name in _TEXTS.items() if isinstance(fields.get(key), str)}
    numbers = {
        name: fields[key] for key, name in _NUMBERS.items() if isinstance(fields.get(key), int | float)
    }
    return replace(unknown, **{**texts, **numbers})
