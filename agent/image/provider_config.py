# SPDX-License-Identifier: Apache-2.0
"""The file that names the node's credential providers: kubelet.config.k8s.io/v1 CredentialProviderConfig."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.errors import AgentError

API_VERSIONS = ("kubelet.config.k8s.io/v1",)
REQUEST_VERSIONS = ("credentialprovider.kubelet.k8s.io/v1",)
_FIELDS = {"name", "matchImages", "defaultCacheDuration", "apiVersion", "args", "env"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: an executable of the bin folder, the images it is asked for, and how it is called.

    cache_seconds holds for answers that say nothing about it themselves.
    """

    name: str
    match_images: tuple[str, ...]
    cache_seconds: float
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def read_providers(path: Path) -> tuple[Provider, ...]:
    """The file's providers. Raises AgentError, which names the file and what is wrong."""
    try:
        data = yaml.safe_load(path.read_bytes())
        if not isinstance(data, dict) or data.get("kind") != "CredentialProviderConfig":
            raise AgentError("its kind has to be CredentialProviderConfig")
        if data.get("apiVersion") not in API_VERSIONS:
            raise AgentError(f"its apiVersion has to be {API_VERSIONS[0]}")
        return tuple(_provider(entry) for entry in data.get("providers") or ())
    except (OSError, yaml.YAMLError, AgentError) as error:
        raise AgentError(f"cannot use the credential providers of {path}: {error}") from error


def _provider(entry: Any) -> Provider:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise AgentError("each provider needs a name")
    name = entry["name"]
    if "/" in name or name in ("", ".", ".."):
        raise AgentError(f"provider {name!r}: a name is that of an executable, without a path")
    if unknown := sorted(entry.keys() - _FIELDS):
        raise AgentError(f"provider {name}: not supported: {', '.join(unknown)}")
    if entry.get("apiVersion") not in REQUEST_VERSIONS:
        raise AgentError(f"provider {name}: its apiVersion has to be {REQUEST_VERSIONS[0]}")
    return Provider(
        name,
        _texts(name, "matchImages", entry, needed=True),
        parse_duration(entry.get("defaultCacheDuration"), f"provider {name}: defaultCacheDuration"),
        entry["apiVersion"],
        _texts(name, "args", entry),
        tuple(_variable(name, variable) for variable in entry.get("env") or ()),
    )


def _texts(name: str, field: str, entry: dict[str, Any], *, needed: bool = False) -> tuple[str, ...]:
    value = entry.get(field) or []
    if (
        not isinstance(value, list)
        or not all(isinstance(each, str) for each in value)
        or (needed and not value)
    ):
        raise AgentError(f"provider {name}: {field} has to be a list of texts")
    return tuple(value)


def _variable(name: str, variable: Any) -> tuple[str, str]:
    if not isinstance(variable, dict) or not isinstance(variable.get("name"), str):
        raise AgentError(f"provider {name}: env has to be a list of name and value")
    return variable["name"], str(variable.get("value", ""))


def parse_duration(text: Any, what: str) -> float:
    """Seconds of a duration such as "1h30m" or "0s". Raises AgentError."""
    if text in ("0", 0):
        return 0.0
    parts = _DURATION.findall(text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise AgentError(f"{what}: {text!r} is no duration such as 10m or 12h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
