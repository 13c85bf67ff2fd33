# SPDX-License-Identifier: Apache-2.0
"""What a URL's path means; the only place that knows the shape of the API's paths."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from controlplane.errors import bad_request

# Under these names a namespace's own subresources are meant, not collections inside it.
_NAMESPACE_SUBRESOURCES: Final = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """/api/v1/... or /apis/GROUP/VERSION/...: a collection (name ""), an object, or a subresource of one.

    namespace is "" for all namespaces and for cluster-scoped resources. rest is what follows a proxy subresource.
    """

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""


def split(raw_path: str) -> tuple[str, ...]:
    """The decoded parts of a path as sent; a slash at the end means nothing. Raises ApiError 400."""
    try:
        parts = tuple(unquote(part, errors="strict") for part in raw_path.strip("/").split("/"))
    except UnicodeDecodeError as error:
        raise bad_request("the path is not UTF-8") from error
    if any("\0" in part for part in parts):
        raise bad_request("the path has a zero byte")
    return parts


def parse_resource(raw_path: str) -> ResourcePath | None:
    """The resource that a path means; None when it is about something else (discovery, health)."""
    parts = split(raw_path)
    if parts[0] == "api" and len(parts) > 2:
        return _parse("", parts[1], parts[2:], raw_path)
    if parts[0] == "apis" and len(parts) > 3:
        return _parse(parts[1], parts[2], parts[3:], raw_path)
    return None


def _parse(group: str, version: str, parts: tuple[str, ...], raw_path: str) -> ResourcePath | None:
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, parts = parts[1], parts[2:]
        if not namespace:
            return None
    plural, name, subresource = (*parts[:3], "", "")[:3]
    if (len(parts) > 3 and subresource != "proxy") or (len(parts) > 1 and not name):
        return None
    rest = _after_proxy(raw_path) if subresource == "proxy" else ""
    return ResourcePath(group, version, plural, namespace, name, subresource, rest)


def _after_proxy(raw_path: str) -> str:
    """As sent, not decoded: it goes on to somebody else."""
    return raw_path.partition("/proxy")[2] or "/"
