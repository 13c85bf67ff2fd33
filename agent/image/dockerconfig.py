# SPDX-License-Identifier: Apache-2.0
"""Reads credentials as Docker keeps them: config.json (also .dockerconfigjson) and the older .dockercfg."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from agent.errors import AgentError
from agent.image.keyring import Credential

DOCKER_CONFIG_JSON = ".dockerconfigjson"
DOCKER_CFG = ".dockercfg"


class CredentialsError(AgentError):
    """Credentials that cannot be read; the text never has any of their content."""


def read_config_json(data: bytes) -> Mapping[str, Credential]:
    """{"auths": {registry: entry}} to credentials by registry. Raises CredentialsError."""
    whole = _object(data)
    return _entries(whole.get("auths") or {})


def read_dockercfg(data: bytes) -> Mapping[str, Credential]:
    """{registry: entry} to credentials by registry. Raises CredentialsError."""
    return _entries(_object(data))


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CredentialsError(f"it is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise CredentialsError("it is no JSON object")
    return value


def _entries(auths: object) -> Mapping[str, Credential]:
    if not isinstance(auths, dict):
        raise CredentialsError("its list of registries is no JSON object")
    return {registry: _credential(registry, entry) for registry, entry in auths.items()}


def _credential(registry: str, entry: object) -> Credential:
    if not isinstance(entry, dict):
        raise CredentialsError(f"its entry for {registry} is no JSON object")
    texts = {key: value for key, value in entry.items() if isinstance(value, str)}
    user, password = texts.get("username", ""), texts.get("password", "")
    if auth := texts.get("auth"):
        user, password = _split(registry, auth)
    return Credential(user, password, texts.get("identitytoken", ""), texts.get("registrytoken", ""))


def _split(registry: str, auth: str) -> tuple[str, str]:
    """base64 of "user:password", with or without its padding."""
    try:
        text = base64.b64decode(auth.rstrip("=") + "=" * (-len(auth.rstrip("=")) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CredentialsError(f"its auth for {registry} is no base64 of user:password") from error
    user, colon, password = text.partition(":")
    if not colon:
        raise CredentialsError(f"its auth for {registry} is no base64 of user:password")
    # Some tools wrote a C string.
    return user, password.rstrip("\0")
