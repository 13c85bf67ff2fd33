# SPDX-License-Identifier: Apache-2.0
"""Pods, objects and tokens as files and back (pure but for sealing)."""

import base64
import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agent.checkpoint.seal import Sealer, SealError
from agent.objects.model import SECRET, Ref
from agent.objects.tokens import Token, TokenKey

log = logging.getLogger("orlop.agent")

Json = dict[str, Any]
VERSION: Final = 1
_POD: Final = "pod"
_OBJECT: Final = "object"
_TOKEN: Final = "token"


@dataclass(frozen=True, slots=True)
class Remembered:
    """Everything that a start without the API server needs; pods are as the API has them, by uid."""

    pods: Mapping[str, Json] = field(default_factory=dict)
    objects: Mapping[Ref, Json] = field(default_factory=dict)
    tokens: Mapping[TokenKey, Token] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file before it is sealed; secret ones are."""

    name: str
    kind: str
    content: Json
    is_secret: bool = False


def entries(remembered: Remembered) -> Iterator[Entry]:
    """The files that hold all of it."""
    for uid, pod in remembered.pods.items():
        yield Entry(_name(_POD, uid), _POD, pod)
    for ref, obj in remembered.objects.items():
        content = {"ref": [ref.kind, ref.namespace, ref.name], "object": obj}
        yield Entry(_name(_OBJECT, repr(ref)), _OBJECT, content, ref.kind == SECRET)
    for key, token in remembered.tokens.items():
        held: Json = {
            "key": [key.pod_uid, key.account, list(key.audiences), key.expiration_seconds],
            "token": [token.text, token.expires_at, token.renew_at],
        }
        yield Entry(_name(_TOKEN, repr(key)), _TOKEN, held, is_secret=True)


def encode(entry: Entry, sealer: Sealer) -> bytes:
    """The file's bytes."""
    whole: Json = {"version": VERSION, "kind": entry.kind}
    if not entry.is_secret:
        return msgspec.json.encode({**whole, "content": entry.content})
    sealed = sealer.seal(entry.name, msgspec.json.encode(entry.content))
    return msgspec.json.encode({**whole, "sealed": base64.b64encode(sealed).decode()})


def decode(files: Mapping[str, bytes], sealer: Sealer) -> tuple[Remembered, dict[str, str]]:
    """What the files hold, and why some of them cannot be read, by name."""
    pods: dict[str, Json] = {}
    objects: dict[Ref, Json] = {}
    tokens: dict[TokenKey, Token] = {}
    broken = {}
    for name, data in files.items():
        try:
            kind, content = _open(name, data, sealer)
            if kind == _POD:
                pods[content["metadata"]["uid"]] = content
            elif kind == _OBJECT:
                objects[Ref(*content["ref"])] = content["object"]
            elif kind == _TOKEN:
                uid, account, audiences, seconds = content["key"]
                tokens[TokenKey(uid, account, tuple(audiences), seconds)] = Token(*content["token"])
            else:
                broken[name] = f"its kind {kind!r} is not known"
        except SealError as error:
            broken[name] = str(error)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            broken[name] = f"it is damaged: {error!r}"
    return Remembered(pods, objects, tokens), broken


def _open(name: str, data: bytes, sealer: Sealer) -> tuple[str, Json]:
    whole = msgspec.json.decode(data, type=dict)
    if whole["version"] != VERSION:
        raise ValueError(f"its version is {whole['version']!r}, this agent knows {VERSION}")
    if "sealed" in whole:
        opened = sealer.open(name, base64.b64decode(whole["sealed"], validate=True))
        return whole["kind"], msgspec.json.decode(opened)
    return whole["kind"], whole["content"]


def _name(kind: str, identity: str) -> str:
    """Names of Secrets do not show in file names."""
    return f"{kind}-{hashlib.sha256(identity.encode()).hexdigest()[:40]}.json"
