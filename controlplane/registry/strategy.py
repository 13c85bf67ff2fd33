# SPDX-License-Identifier: Apache-2.0
"""The strategy that kinds build on: a table of defaults, a first status, immutable fields, problems into causes."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import ClassVar, Final

from controlplane.errors import Cause
from controlplane.registry.data import Defaults, Json, Step, fill, fill_all, look
from controlplane.registry.resource import Strategy
from kube.problem import FieldProblem, ProblemKind, refused

# metav1.CauseType of each sort of problem.
_REASONS: Final[Mapping[ProblemKind, str]] = {
    ProblemKind.UNKNOWN: "FieldValueInvalid",
    ProblemKind.TYPE: "FieldValueTypeInvalid",
    ProblemKind.REQUIRED: "FieldValueRequired",
    ProblemKind.INVALID: "FieldValueInvalid",
    ProblemKind.UNSUPPORTED: "FieldValueNotSupported",
    ProblemKind.DUPLICATE: "FieldValueDuplicate",
    ProblemKind.FORBIDDEN: "FieldValueForbidden",
    ProblemKind.NOT_FOUND: "FieldValueNotFound",
    ProblemKind.TOO_LONG: "FieldValueTooLong",
    ProblemKind.TOO_MANY: "FieldValueTooMany",
}

Problems = Iterable[FieldProblem]


def causes(problems: Problems) -> tuple[Cause, ...]:
    """Problems as the causes of a 422."""
    return tuple(Cause(_REASONS[problem.kind], _told(problem), problem.field) for problem in problems)


def _told(problem: FieldProblem) -> str:
    """A problem in the form that the API's clients print and look for: "Invalid value: 0: must be 1 or more"."""
    match problem.kind:
        case ProblemKind.DUPLICATE:
            return problem.message
        case ProblemKind.FORBIDDEN:
            return f"Forbidden: {problem.message}"
        case ProblemKind.UNSUPPORTED:
            return f"{problem.message}: supported values: {problem.accepted}"
        case ProblemKind.INVALID | ProblemKind.TOO_MANY | ProblemKind.NOT_FOUND if problem.accepted:
            return f"{problem.message}: must be {problem.accepted}"
    return f"{problem.message}: {problem.accepted}" if problem.accepted else problem.message


class KindStrategy(Strategy):
    """A kind that differs from the rest by data: class attributes say how, `problems` and `changes` what is wrong."""

    # Defaults by path, filled in where the path's object exists.
    defaults: ClassVar[Defaults] = {}
    # Defaults of spec, which is made when it is not there. None: the kind has no spec, or an absent one is a fault.
    spec_defaults: ClassVar[Mapping[str, object] | None] = None
    # The status of a new object; None: the kind has none.
    initial_status: ClassVar[Json | None] = None
    # What an update may not change.
    immutable: ClassVar[tuple[tuple[Step, ...], ...]] = ()

    def set_defaults(self, obj: Json) -> None:
        """What the tables say."""
        if self.spec_defaults is not None:
            fill(_spec(obj), self.spec_defaults)
        fill_all(obj, self.defaults)

    def prepare_create(self, obj: Json) -> None:
        """As for every kind, with the status that a new object has."""
        super().prepare_create(obj)
        if self.initial_status is not None:
            obj["status"] = deepcopy(self.initial_status)

    def problems(self, obj: Json) -> Problems:
        """What is wrong with an object, whatever it was before."""
        return ()

    def changes(self, obj: Json, old: Json) -> Problems:
        """What is wrong with a change, besides immutable fields."""
        return ()

    def validate(self, obj: Json) -> Iterable[Cause]:
        """`problems` as causes."""
        return causes(self.problems(obj))

    def validate_update(self, obj: Json, old: Json) -> Iterable[Cause]:
        """Immutable fields and `changes` as causes."""
        return causes([*changed(obj, old, self.immutable), *self.changes(obj, old)])


def changed(obj: Json, old: Json, paths: Iterable[tuple[Step, ...]]) -> Problems:
    """A problem for each of these fields that is not what it was."""
    for path in paths:
        value = look(obj, *path)
        if value != look(old, *path):
            yield refused(path, value, "field is immutable")


def _spec(obj: Json) -> Json:
    found: Json | None = obj.get("spec")
    if found is None:
        found = obj["spec"] = {}
    return found
