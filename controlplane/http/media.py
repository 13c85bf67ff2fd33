# SPDX-License-Identifier: Apache-2.0
"""What form of an answer a client wants: the Accept header, as Kubernetes' clients write it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controlplane.errors import ApiError

_JSON: Final = ("application/json", "application/*", "*/*")
_YAML: Final = ("application/yaml", "text/yaml", "application/x-yaml")
_META: Final = "meta.k8s.io"


class Form(StrEnum):
    """What a client wants to see of objects."""

    WHOLE = ""
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"
    METADATA_LIST = "PartialObjectMetadataList"


@dataclass(frozen=True, slots=True)
class Media:
    """The form that was agreed on. version is that of meta.k8s.io for the other forms than WHOLE."""

    form: Form = Form.WHOLE
    version: str = "v1"
    yaml: bool = False

    @property
    def content_type(self) -> str:
        """As in the header of the answer."""
        return "application/yaml" if self.yaml else "application/json"


PLAIN: Final = Media()


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of an Accept header: a media type with its parameters, both in lower case names."""

    type: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        """The q parameter; 1 when absent or unreadable."""
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 1.0


def clauses(accept: str) -> list[Clause]:
    """The parts of an Accept header, the most wanted first."""
    found = [_clause(part) for part in accept.split(",") if part.strip()]
    return sorted(found, key=lambda clause: -clause.quality)


def negotiate(accept: str, *, forms: Iterable[Form] = tuple(Form)) -> Media:
    """The first form of the client's that exists here. Raises ApiError 406 when none does."""
    wanted = clauses(accept)
    allowed = set(forms)
    for clause in wanted:
        media = _media(clause)
        if media is not None and media.form in allowed and clause.quality > 0:
            return media
    if not wanted:
        return PLAIN
    raise not_acceptable("application/json, application/yaml")


def not_acceptable(supported: str) -> ApiError:
    """406: nothing that the client takes exists here."""
    text = f"only the following media types are accepted: {supported}"
    return ApiError(406, "NotAcceptable", text)


def _clause(text: str) -> Clause:
    kind, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    return Clause(kind.lower(), {name.strip().lower(): value.strip() for name, _, value in pairs})


def _media(clause: Clause) -> Media | None:
    yaml = clause.type in _YAML
    if not yaml and clause.type not in _JSON:
        return None
    form = clause.parameters.get("as", "")
    if not form:
        return Media(yaml=yaml)
    version = clause.parameters.get("v", "v1")
    if (
        clause.parameters.get("g", _META) != _META
        or version not in ("v1", "v1beta1")
        or form not in set(Form)
    ):
        return None
    return Media(Form(form), version, yaml)
