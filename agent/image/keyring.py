# SPDX-License-Identifier: Apache-2.0
"""Which credentials are for which image: registries by host, port and path, as the kubelet matches them, pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from kube.images import parse_image

DEFAULT_REGISTRY = "index.docker.io"
_DOCKER_HOSTS = ("docker.io", "index.docker.io")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a registry is shown; its repr shows nothing."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Pattern:
    host: str
    port: str
    path: str


Entries = Iterable[tuple[str, Credential]]
"""Pairs of a registry ("https://index.docker.io/v1/", "*.example.com", "r:5000/team") and what it is shown."""


def lookup(entries: Entries, image: str) -> tuple[Credential, ...]:
    """The credentials for an image, the most exact registry first; empty when there are none for it."""
    named = repository(image)
    target = _parse(named)
    listed = [(_normalized(registry), credential) for registry, credential in entries]
    # As in the kubelet: in reverse order of the alphabet a longer path comes before the shorter that it begins with.
    found = [
        credential
        for registry, credential in sorted(listed, key=lambda pair: pair[0], reverse=True)
        if _matches(_parse(registry), target)
    ]
    if not found and _is_docker_hub(named):
        found = [credential for registry, credential in listed if registry == DEFAULT_REGISTRY]
    return tuple(dict.fromkeys(found))


def matches_image(pattern: str, image: str) -> bool:
    """Whether a matchImages pattern of a credential provider is for this image."""
    return _matches(_parse(pattern), _parse(repository(image)))


def repository(image: str) -> str:
    """The name in full, without tag and digest: busybox is docker.io/library/busybox."""
    name = parse_image(image).name
    first, slash, _ = name.partition("/")
    if slash and (any(mark in first for mark in ".:") or first == "localhost"):
        return name if first != DEFAULT_REGISTRY else "docker.io" + name[len(DEFAULT_REGISTRY) :]
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def qualified(image: str) -> str:
    """The name as runtimes list it: with registry, and with a digest or a tag. Raises ImageReferenceError."""
    parsed = parse_image(image)
    return (
        f"{repository(image)}@{parsed.digest}"
        if parsed.digest
        else f"{repository(image)}:{parsed.tag or 'latest'}"
    )


def _normalized(registry: str) -> str:
    """Without scheme, and without the API's version that old files have: https://index.docker.io/v1/."""
    rest = registry.partition("://")[2] or registry
    host, _, path = rest.partition("/")
    for version in ("v1/", "v2/"):
        if f"{path}/".startswith(version):
            path = path[len(version) :]
    return f"{host}/{path}".rstrip("/")


def _parse(url: str) -> _Pattern:
    rest = url.partition("://")[2] or url
    place, slash, path = rest.partition("/")
    host, _, port = place.rpartition(":") if _has_port(place) else (place, "", "")
    return _Pattern(host, port, slash + path)


def _has_port(place: str) -> bool:
    """An IPv6 address in brackets has colons of its own."""
    return ":" in place.rpartition("]")[2]


def _matches(pattern: _Pattern, target: _Pattern) -> bool:
    """Same port, as many labels, each matching its glob, and a path that begins the same."""
    ours, theirs = pattern.host.split("."), target.host.split(".")
    return (
        pattern.port == target.port
        and len(ours) == len(theirs)
        and all(label == glob or fnmatchcase(label, glob) for glob, label in zip(ours, theirs, strict=True))
        and target.path.startswith(pattern.path)
    )


def _is_docker_hub(repository: str) -> bool:
    return repository.partition("/")[0] in _DOCKER_HOSTS
