# SPDX-License-Identifier: Apache-2.0
"""All credentials for an image: those of the pod's imagePullSecrets, the node's config.json, the node's providers."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from lightkube.models import core_v1

from agent.errors import AgentError
from agent.image.config import ImageSettings
from agent.image.dockerconfig import (
    DOCKER_CFG,
    DOCKER_CONFIG_JSON,
    CredentialsError,
    read_config_json,
    read_dockercfg,
)
from agent.image.keyring import Credential, lookup
from agent.image.provider import Providers
from agent.image.provider_config import read_providers
from agent.run import run_provider

log = logging.getLogger("orlop.agent")

_READERS = {
    "kubernetes.io/dockerconfigjson": (DOCKER_CONFIG_JSON, read_config_json),
    "kubernetes.io/dockercfg": (DOCKER_CFG, read_dockercfg),
}


class Credentials:
    """What the node knows of its own, to which each pod adds its secrets."""

    def __init__(self, config_json: Path | None = None, providers: Providers | None = None) -> None:
        """The file is read again for every pull, so that a renewed one holds at once."""
        self._config_json = config_json
        self._providers = providers

    async def lookup(self, image: str, secrets: Iterable[core_v1.Secret]) -> tuple[Credential, ...]:
        """Credentials to try for the image, in this order; empty: none is meant for it, so it is pulled without."""
        of_pod = lookup(secret_entries(secrets), image)
        of_node = lookup(await asyncio.to_thread(self._of_file), image)
        of_providers = await self._providers.lookup(image) if self._providers else ()
        return tuple(dict.fromkeys((*of_pod, *of_node, *of_providers)))

    def _of_file(self) -> list[tuple[str, Credential]]:
        if self._config_json is None:
            return []
        try:
            return list(read_config_json(self._config_json.read_bytes()).items())
        except FileNotFoundError:
            return []
        except (OSError, CredentialsError) as error:
            log.warning("cannot use the registry credentials of %s: %s", self._config_json, error)
            return []


def secret_entries(secrets: Iterable[core_v1.Secret]) -> list[tuple[str, Credential]]:
    """The credentials by registry in secrets of Docker's two types; others, and unreadable ones, are passed over."""
    entries: list[tuple[str, Credential]] = []
    for secret in secrets:
        try:
            entries += _entries(secret)
        except CredentialsError as error:
            name = f"{secret.metadata.namespace}/{secret.metadata.name}" if secret.metadata else ""
            log.warning("cannot use the registry credentials of secret %s: %s", name, error)
    return entries


def _entries(secret: core_v1.Secret) -> list[tuple[str, Credential]]:
    if secret.type not in _READERS:
        raise CredentialsError(f"its type is {secret.type!r}, not one of {', '.join(_READERS)}")
    key, read = _READERS[secret.type]
    content = (secret.data or {}).get(key)
    if content is None:
        raise CredentialsError(f"it has no key {key}")
    try:
        return list(read(base64.b64decode(content)).items())
    except binascii.Error as error:
        raise CredentialsError(f"its {key} is no base64") from error


def node_credentials(settings: ImageSettings, clock: Callable[[], float]) -> Credentials:
    """What the node's settings name. Raises AgentError for an unusable file of providers."""
    if settings.providers is None:
        return Credentials(settings.credentials)
    if settings.provider_bin is None:
        raise AgentError("cannot use credential providers: the folder of their executables is not set")
    providers = Providers(read_providers(settings.providers), settings.provider_bin, run_provider, clock)
    return Credentials(settings.credentials, providers)
