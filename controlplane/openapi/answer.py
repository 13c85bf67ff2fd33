# SPDX-License-Identifier: Apache-2.0
"""What requests below /openapi get: documents, made at the first request for one and then kept compressed."""

import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Final

import msgspec

from controlplane.errors import ApiError
from controlplane.openapi import gnostic, v2, v3
from controlplane.openapi.accept import accepts
from controlplane.openapi.text import Packed, pack
from controlplane.registry import Registry

Answer = tuple[int, dict[str, str], bytes]
JSON: Final = "application/json"
# What the protobuf form of v2 is called, and how clients before 1.28 write that.
PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_OLD_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


class OpenApi:
    """The documents of one registry. Methods may be called from any thread; making a document takes up to a second."""

    def __init__(self, registry: Registry, release: str = "") -> None:
        """Release is the API's version in the documents' info; by default, that of the models."""
        self._registry = registry
        self._release = release or models_release()
        self._kept: dict[str, Packed] = {}
        self._lock = threading.Lock()

    def answer(self, path: str, accept: str, if_none_match: str = "", *, accept_encoding: str = "") -> Answer:
        """Status, headers and body for a GET of a path without its query.

        The texts of the headers Accept, If-None-Match and Accept-Encoding are "" where the request has none. With
        gzip in the last, the body is sent as it is kept. Raises ApiError: 404 for a path that is not served, 406
        when no served format is accepted.
        """
        media, packed = self._document(path.rstrip("/"), accept)
        etag = f'"{packed.hash}"'
        headers = {"Content-Type": media, "ETag": etag, "Vary": "Accept, Accept-Encoding"}
        if _matches(if_none_match, etag):
            return 304, headers, b""
        if "gzip" in accept_encoding.lower():
            return 200, {**headers, "Content-Encoding": "gzip"}, packed.gzip
        return 200, headers, packed.unpacked()

    def _document(self, path: str, accept: str) -> tuple[str, Packed]:
        if path == "/openapi/v2":
            return self._v2(_negotiate(accept, JSON, PROTOBUF, _OLD_PROTOBUF))
        if path == "/openapi/v3":
            _negotiate(accept, JSON)
            return JSON, self._keep(path, self._index)
        for group, version_ in _versions(self._registry):
            if path == f"/openapi/v3/{_name(group, version_)}":
                _negotiate(accept, JSON)
                return JSON, self._v3(group, version_)
        raise ApiError(404, "NotFound", f"cannot find {path}: no OpenAPI document of that name")

    def _v2(self, media: str) -> tuple[str, Packed]:
        if media == JSON:
            return JSON, self._keep("/openapi/v2", lambda: v2.document(self._registry, self._release))
        return PROTOBUF, self._keep(f"/openapi/v2 {PROTOBUF}", self._v2_protobuf)

    def _v2_protobuf(self) -> Iterator[bytes]:
        told = v2.paths(self._registry), v2.definitions(self._registry)
        return gnostic.document(v2.info(self._release), *told)

    def _v3(self, group: str, version_: str) -> Packed:
        return self._keep(
            f"/openapi/v3/{_name(group, version_)}",
            lambda: v3.document(self._registry, group, version_, self._release),
        )

    def _index(self) -> Iterator[bytes]:
        """The list of documents, each with the hash of what it says, by which clients keep them."""
        paths = {}
        for group, version_ in _versions(self._registry):
            name = _name(group, version_)
            paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={self._v3(group, version_).hash}"}
        yield msgspec.json.encode({"paths": paths})

    def _keep(self, path: str, make: Callable[[], Iterator[bytes]]) -> Packed:
        """The document, made by whoever asks first; two that ask at once may both make it, to the same bytes."""
        found = self._kept.get(path)
        if found is None:
            made = pack(make())
            with self._lock:
                found = self._kept.setdefault(path, made)
        return found


def models_release() -> str:
    """The version of the API that the models are of: v1.37.0."""
    return "v" + ".".join(version("lightkube-models").split(".")[:3])


def _versions(registry: Registry) -> list[tuple[str, str]]:
    return [(group.name, each) for group in registry.groups for each in group.versions]


def _name(group: str, version_: str) -> str:
    return f"apis/{group}/{version_}" if group else f"api/{version_}"


def _matches(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def _negotiate(accept: str, *offers: str) -> str:
    chosen = accepts(accept, offers)
    if not chosen:
        message = f"cannot answer in {accept!r}: this document is served as {', '.join(offers)}"
        raise ApiError(406, "NotAcceptable", message)
    return chosen
