# SPDX-License-Identifier: Apache-2.0
"""Asks credential providers: executables that print what a registry is to be shown for an image.

The interface is credentialprovider.kubelet.k8s.io/v1: a CredentialProviderRequest on standard input, a
CredentialProviderResponse on standard output, kept as long as the response says for the image, its registry or all.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import AgentError
from agent.image.keyring import Credential, lookup, matches_image
from agent.image.provider_config import Provider, parse_duration

log = logging.getLogger("orlop.agent")

RunProvider = Callable[[Path, tuple[str, ...], Mapping[str, str], bytes], Awaitable[bytes]]
"""run.run_provider: path, arguments, environment and standard input to standard output; raises AgentError."""

_KEY_TYPES = ("Image", "Registry", "Global")


@dataclass(frozen=True, slots=True)
class _Answer:
    key_type: str
    seconds: float
    entries: tuple[tuple[str, Credential], ...]


class Providers:
    """The node's credential providers and what they answered lately."""

    def __init__(
        self, providers: tuple[Provider, ...], folder: Path, run: RunProvider, clock: Callable[[], float]
    ) -> None:
        """The executables are in folder; clock gives seconds."""
        self._providers = providers
        self._folder = folder
        self._run = run
        self._clock = clock
        self._kept: dict[tuple[str, str, str], tuple[float, _Answer]] = {}

    async def lookup(self, image: str) -> tuple[Credential, ...]:
        """What the providers that match the image give for it; one that fails gives nothing and is logged."""
        found: list[Credential] = []
        for provider in self._providers:
            if any(matches_image(pattern, image) for pattern in provider.match_images):
                found += lookup(await self._entries(provider, image), image)
        return tuple(found)

    async def _entries(self, provider: Provider, image: str) -> tuple[tuple[str, Credential], ...]:
        if kept := self._recall(provider.name, image):
            return kept.entries
        try:
            answer = await self._ask(provider, image)
        except AgentError as error:
            log.warning(
                "cannot get credentials for image %s from provider %s: %s", image, provider.name, error
            )
            return ()
        if answer.seconds > 0:
            key = (provider.name, answer.key_type, _cache_key(answer.key_type, image))
            self._kept[key] = (self._clock() + answer.seconds, answer)
        return answer.entries

    def _recall(self, name: str, image: str) -> _Answer | None:
        now = self._clock()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        for key_type in _KEY_TYPES:
            if kept := self._kept.get((name, key_type, _cache_key(key_type, image))):
                return kept[1]
        return None

    async def _ask(self, provider: Provider, image: str) -> _Answer:
        request = {"apiVersion": provider.api_version, "kind": "CredentialProviderRequest", "image": image}
        environment = {"PATH": os.defpath, **dict(provider.env)}
        path = self._folder / provider.name
        out = await self._run(path, provider.args, environment, msgspec.json.encode(request))
        return _read(out, provider)


def _cache_key(key_type: str, image: str) -> str:
    match key_type:
        case "Image":
            return image
        case "Registry":
            return image.partition("/")[0]
        case _:
            return ""


def _read(out: bytes, provider: Provider) -> _Answer:
    try:
        data = msgspec.json.decode(out)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AgentError(f"what it printed is no JSON: {error}") from error
    if not isinstance(data, dict) or data.get("kind") != "CredentialProviderResponse":
        raise AgentError("what it printed is no CredentialProviderResponse")
    if data.get("apiVersion") != provider.api_version:
        raise AgentError(f"it answers in apiVersion {data.get('apiVersion')!r}, not {provider.api_version}")
    if data.get("cacheKeyType") not in _KEY_TYPES:
        raise AgentError(f"its cacheKeyType has to be one of {', '.join(_KEY_TYPES)}")
    told = data.get("cacheDuration")
    seconds = provider.cache_seconds if told is None else parse_duration(told, "its cacheDuration")
    return _Answer(data["cacheKeyType"], seconds, _credentials(data.get("auth") or {}))


def _credentials(auth: Any) -> tuple[tuple[str, Credential], ...]:
    if not isinstance(auth, dict) or not all(isinstance(entry, dict) for entry in auth.values()):
        raise AgentError("its auth has to be an object of username and password by registry")
    return tuple(
        (registry, Credential(str(entry.get("username", "")), str(entry.get("password", ""))))
        for registry, entry in auth.items()
    )
