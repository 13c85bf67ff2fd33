# SPDX-License-Identifier: Apache-2.0
"""Field selectors in the query language: `status.phase!=Failed,spec.nodeName=node1`.

Grammar: k8s.io/apimachinery/pkg/fields; a backslash keeps the meaning of `\\`, `,` and `=` away.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controlplane.errors import bad_request
from controlplane.registry.resource import Resource

_TERM: Final = re.compile(r"((?:\\.|[^\\,])*)(,|$)", re.DOTALL)
_PARTS: Final = re.compile(r"([^=!]*)(!=|==|=)((?:\\.|[^\\=])*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One comparison of one field."""

    field: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All terms have to hold; none is everything."""

    terms: tuple[FieldTerm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether an object with these fields is selected."""
        return all((fields.get(term.field, "") == term.value) == term.equal for term in self.terms)

    def exact(self, field: str) -> str:
        """The only value that a field may have, "" when the selector does not say."""
        return next((term.value for term in self.terms if term.equal and term.field == field), "")


ALL_FIELDS: Final = FieldSelector()


def parse_fields(text: str) -> FieldSelector:
    """Read a selector. Raises ApiError 400 for one that is none."""
    terms, at = [], 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise bad_request(f"unable to parse the field selector {text[:200]!r}: a backslash ends it")
        at = match.end()
        if match[1]:
            terms.append(_term(match[1]))
    return FieldSelector(tuple(terms))


def check_supported(selector: FieldSelector, resource: Resource) -> None:
    """Raises ApiError 400 for a field that this kind cannot be selected by."""
    known = {"metadata.name", "metadata.namespace", *resource.strategy.fields({})}
    for term in selector.terms:
        if term.field not in known:
            raise bad_request(f"field label not supported: {term.field}")


def fields_of(obj: dict[str, Any], resource: Resource) -> dict[str, str]:
    """The selectable fields of an object of the storage version."""
    metadata = obj["metadata"]
    own = {"metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace", "")}
    return {**resource.strategy.fields(obj), **own}


def _term(text: str) -> FieldTerm:
    match = _PARTS.fullmatch(text)
    if match is None:
        raise bad_request(f"invalid field selector term {text[:200]!r}: expected field=value or field!=value")
    field, operator, value = match.groups()
    return FieldTerm(field.strip(), _ESCAPE.sub(r"\1", value), operator != "!=")
