# SPDX-License-Identifier: Apache-2.0
"""Label and field selectors together, and whether a stored object fulfils them; looked at once for many watches."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from controlplane.registry.resource import Resource
from controlplane.store.interface import Change, Interest, Marks
from controlplane.verbs.fields import ALL_FIELDS, FieldSelector, check_supported, fields_of, parse_fields
from controlplane.verbs.labels import ALL_LABELS, LabelSelector, parse_labels

_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class Facts:
    """What selectors look at."""

    labels: dict[str, str]
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list, a watch or a deletecollection selects."""

    labels: LabelSelector = ALL_LABELS
    fields: FieldSelector = ALL_FIELDS

    @classmethod
    def parse(cls, resource: Resource, labels: str, fields: str) -> "Selection":
        """Read both selectors. Raises ApiError 400."""
        selection = cls(parse_labels(labels), parse_fields(fields))
        check_supported(selection.fields, resource)
        return selection

    def __bool__(self) -> bool:
        return bool(self.labels) or bool(self.fields)

    def matches(self, facts: Facts) -> bool:
        """Whether an object with these facts is selected."""
        return self.labels.matches(facts.labels) and self.fields.matches(facts.fields)

    def selects(self, resource: Resource, value: bytes) -> bool:
        """The same for a stored value."""
        node = self.fields.exact("spec.nodeName")
        # A thousand nodes come back at once, and each lists its few of all pods: most need not be decoded for that.
        if node and msgspec.json.encode(node) not in value:
            return False
        return not self or self.matches(facts_of(resource, msgspec.json.decode(value)))


EVERYTHING: Final = Selection()


class FactsCache:
    """Facts of recent changes, by key and revision, so that a thousand watches decode an object once."""

    def __init__(self) -> None:
        self._facts: OrderedDict[tuple[str, int, bool], Facts] = OrderedDict()
        self._marks: dict[tuple[str, str], Marks] = {}

    def interest(self, resource: Resource, selection: Selection) -> Interest | None:
        """What a watch with this selection cannot do without: the one value that one of the kind's fields has to have.

        A node asks for its own pods among all; that must not cost every other node something.
        """
        term = next(
            (term for term in selection.fields.terms if term.equal and not _is_name(term.field)), None
        )
        if term is None:
            return None
        marks = self._marks.setdefault(
            (resource.storage_prefix, term.field), _Marks(self, resource, term.field)
        )
        return Interest(marks, term.value)

    def get(self, resource: Resource, mark: tuple[str, int, bool], value: bytes) -> Facts:
        """mark: key, revision, and whether the value is the one before that revision."""
        found = self._facts.get(mark)
        if found is None:
            found = self._facts[mark] = facts_of(resource, msgspec.json.decode(value))
            if len(self._facts) > _KEPT:
                self._facts.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Marks:
    """The values that a field has and had."""

    facts: FactsCache
    resource: Resource
    field: str

    def __call__(self, change: Change) -> tuple[str, ...]:
        mark = (change.record.key, change.record.mod_revision)
        try:
            found = [self.facts.get(self.resource, (*mark, False), change.record.value)]
            if change.previous is not None:
                found.append(self.facts.get(self.resource, (*mark, True), change.previous))
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            # Whoever wrote that past us, it has no fields, and the other changes are to be told.
            return ()
        return tuple(facts.fields.get(self.field, "") for facts in found)


def _is_name(field: str) -> bool:
    """The key tells these: they make the range smaller."""
    return field.startswith("metadata.")


def facts_of(resource: Resource, obj: dict[str, Any]) -> Facts:
    """The facts of an object of the storage version."""
    return Facts(obj["metadata"].get("labels") or {}, fields_of(obj, resource))
