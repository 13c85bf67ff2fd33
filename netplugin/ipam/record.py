# SPDX-License-Identifier: Apache-2.0
"""The content of an allocation file: JSON that a person can read; a power loss may leave garbage."""

import json
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from netplugin.model import Address, Allocation, HostPort

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
    ports = [_encode_port(port) for port in allocation.host_ports]
    more = {"portMappings": ports} if ports else {}
    return json.dumps({"address": str(allocation.address), **fields, **more}, indent=1).encode() + b"\n"


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
    return replace(unknown, **{**texts, **numbers}, host_ports=tuple(_ports(fields.get("portMappings"))))


def _encode_port(port: HostPort) -> dict[str, object]:
    """In the words of the capability portMappings."""
    return {
        "hostIP": "" if port.host_ip is None else str(port.host_ip),
        "hostPort": port.host_port,
        "protocol": port.protocol,
        "containerPort": port.container_port,
    }


def _ports(value: object) -> Iterator[HostPort]:
    for item in value if isinstance(value, list) else ():
        match item:
            case {
                "hostIP": str() as host_ip,
                "hostPort": int() as host_port,
                "protocol": str() as protocol,
                "containerPort": int() as container_port,
            }:
                address = ip_address(host_ip) if host_ip else None
                yield HostPort(address, host_port, protocol, container_port)
