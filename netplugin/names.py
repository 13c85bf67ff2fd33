# SPDX-License-Identifier: Apache-2.0
"""Names and hardware addresses that explain themselves, derived from what they stand for."""

import hashlib
import re
from ipaddress import IPv4Address

from netplugin.model import Address, Attachment, Pod

ALIAS_BYTES = 255
"""The kernel's limit for an interface alias (IFALIASZ is 256, the final zero included)."""


def host_veth(attachment: Attachment, pod: Pod) -> str:
    """The node's end of the pair, e.g. "vweb-1a2b3c4d": at most 15 characters (IFNAMSIZ - 1)."""
    readable = re.sub(r"[^a-z0-9-]", "", (pod.name or attachment.container_id).lower())[:5].rstrip("-")
    return f"v{readable}-{attachment.key[:8]}"


def alias(attachment: Attachment, pod: Pod) -> str:
    """What `ip link` shows beside the veth; starts with what GC looks for, ends with what people look for."""
    text = f"{alias_prefix(attachment.network)}{attachment.key} {pod} {attachment.container_id}"
    return text.encode()[:ALIAS_BYTES].decode(errors="ignore")


def alias_prefix(network: str) -> str:
    """The beginning of the alias of every veth of one network."""
    return f"orlop {network} "


def key_of_alias(text: str, network: str) -> str:
    """The attachment's key out of a veth's alias; "" when the veth is not one of this network."""
    prefix = alias_prefix(network)
    return text[len(prefix) :].split(" ", 1)[0] if text.startswith(prefix) else ""


def pod_mac(address: Address) -> str:
    """A hardware address made from the address: a neighbour's cache stays true when an address is reused.

    0a:58 is in the locally administered range and is what container networks customarily put before an IPv4
    address.
    """
    tail = address.packed if isinstance(address, IPv4Address) else hashlib.sha256(address.packed).digest()[:4]
    return _mac(b"\x0a\x58" + tail)


def host_mac(attachment: Attachment) -> str:
    """The node's end: fixed by the attachment, so that ADD need not ask the kernel what it chose."""
    return _mac(b"\xee" + bytes.fromhex(attachment.key)[:5])


def _mac(octets: bytes) -> str:
    return ":".join(f"{octet:02x}" for octet in octets)
