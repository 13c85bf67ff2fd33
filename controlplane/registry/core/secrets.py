# SPDX-License-Identifier: Apache-2.0
"""Secret."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec
from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, count, text
from controlplane.registry.content import IMMUTABLE_SECRET, check_content, check_frozen
from controlplane.registry.data import Defaults, Json, look, mapping, member
from controlplane.registry.derive import derive
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import FieldProblem, invalid, required

OPAQUE: Final = "Opaque"
SERVICE_ACCOUNT_TOKEN: Final = "kubernetes.io/service-account-token"
SERVICE_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"

# Keys that a type's users expect.
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON: Final = (".dockercfg", ".dockerconfigjson")


class SecretStrategy(KindStrategy):
    """Content by type; stringData is only another way to write data."""

    defaults: ClassVar[Defaults] = {(): {"type": OPAQUE}}
    immutable = (("type",),)

    def set_defaults(self, obj: Json) -> None:
        """Opaque; what stringData has goes to data."""
        super().set_defaults(obj)
        for key, value in (obj.pop("stringData", None) or {}).items():
            member(obj, "data")[key] = b64encode(value.encode()).decode()

    def problems(self, obj: Json) -> Problems:
        """Keys, size, base64, and what the type demands."""
        yield from check_content(obj, ("data",))
        for key, value in mapping(obj, "data").items():
            if _decoded(value) is None:
                yield invalid(("data", key), "...", "text in base64")
        yield from _typed(obj)

    def changes(self, obj: Json, old: Json) -> Problems:
        """The promise of `immutable`."""
        return check_frozen(obj, old, IMMUTABLE_SECRET)

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By type, too."""
        return {"type": look(obj, "type", default="")}


def _typed(obj: Json) -> Problems:
    kind, data = look(obj, "type", default=OPAQUE), mapping(obj, "data")
    for key in _REQUIRED.get(kind, ()):
        if key not in data:
            yield required(("data", key), f"for a secret of type {kind}")
        elif key in _JSON and not _is_json(data[key]):
            yield FieldProblem(("data", key), "Invalid value: <secret contents redacted>", "JSON")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        yield required(("data", "username"), "username, password or both")
    if kind == SERVICE_ACCOUNT_TOKEN and not look(obj, "metadata", "annotations", SERVICE_ACCOUNT_NAME):
        yield required(("metadata", "annotations", SERVICE_ACCOUNT_NAME), "the name of a service account")


def _decoded(value: str) -> bytes | None:
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_json(value: str) -> bool:
    try:
        msgspec.json.decode(_decoded(value) or b"")
    except msgspec.DecodeError:
        return False
    return True


RESOURCE = derive(
    core_v1.Secret,
    columns=(NAME, text("Type", "type", empty=""), count("Data", "data"), AGE),
    strategy=SecretStrategy(),
)
