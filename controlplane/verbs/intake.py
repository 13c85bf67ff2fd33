# SPDX-License-Identifier: Apache-2.0
"""From a client's body to an object that is safe to look into: kind, types, unknown fields, nulls, quantities."""

from collections.abc import Iterable
from typing import Any, Final

from controlplane.errors import ApiError, bad_request, invalid
from controlplane.registry.resource import Resource
from controlplane.registry.strategy import causes
from controlplane.verbs.call import Call, FieldValidation
from kube import strict
from kube.canonical import canonical_quantities
from kube.problem import FieldProblem, Path, ProblemKind
from kube.schema import schema_of

Json = dict[str, Any]

MAX_DEPTH: Final = 200
_SHOWN: Final = 20


def take_in(call: Call, body: object, *, doubled: Iterable[str] = ()) -> Json:
    """An object of the call's resource in the storage version, with metadata. doubled: paths of duplicate fields.

    Raises ApiError 400 when it is of another kind, a field has a wrong type, or strict validation finds something;
    422 when a required field is not there.
    """
    obj = check_kind(call.resource, body)
    obj = without_nulls(obj)
    _check_fields(call, obj, doubled)
    canonical_quantities(schema_of(call.resource.model), obj)
    obj.setdefault("metadata", {})
    return obj if call.resource.to_storage is None else call.resource.to_storage(obj)


def check_kind(resource: Resource, body: object) -> Json:
    """A copy of the body with apiVersion and kind of the resource. Raises ApiError 400 when they are others."""
    if not isinstance(body, dict):
        raise bad_request(f"the body has to be an object of kind {resource.kind}")
    version, kind = body.get("apiVersion") or resource.api_version, body.get("kind") or resource.kind
    if version != resource.api_version:
        raise bad_request(
            f"the API version in the data ({_shown(version)}) does not match the expected API version "
            f"({resource.api_version})"
        )
    if kind != resource.kind:
        raise bad_request(
            f"the kind in the data ({_shown(kind)}) does not match the expected kind ({resource.kind})"
        )
    return {**body, "apiVersion": version, "kind": kind}


def without_nulls(value: Any, depth: int = 0) -> Any:
    """A copy without fields that are null. Raises ApiError 400 for data nested too deeply."""
    if depth > MAX_DEPTH:
        raise bad_request(f"the object is nested too deeply: more than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {name: without_nulls(item, depth + 1) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item, depth + 1) for item in value]
    return value


def _check_fields(call: Call, obj: Json, doubled: Iterable[str]) -> None:
    problems = strict.decode(call.resource.model, obj).problems
    wrong = [
        problem for problem in problems if problem.kind not in (ProblemKind.UNKNOWN, ProblemKind.REQUIRED)
    ]
    if wrong:
        raise _wrong_types(call.resource, wrong)
    unknown = [problem for problem in problems if problem.kind is ProblemKind.UNKNOWN]
    _check_required(call, obj, [problem for problem in problems if problem.kind is ProblemKind.REQUIRED])
    told = [f'unknown field "{problem.field}"' for problem in unknown]
    told += [f'duplicate field "{path}"' for path in doubled]
    if told and call.options.field_validation is FieldValidation.STRICT:
        raise _strict_refusal(call.resource, told)
    if call.options.field_validation is FieldValidation.WARN:
        call.warnings.extend(told)
    for problem in unknown:
        _drop(obj, problem.path)


def _check_required(call: Call, obj: Json, problems: list[FieldProblem]) -> None:
    """Nobody demands a status in parts to be whole, nor what a subresource leaves alone."""
    missing = [problem for problem in problems if problem.path[0] != "status"]
    if not missing or call.subresource is not None or call.resource.to_storage is not None:
        return
    metadata = obj.get("metadata") or {}
    name = metadata.get("name") or metadata.get("generateName") or ""
    raise invalid(call.resource.group, call.resource.kind, str(name), causes(missing))


def _wrong_types(resource: Resource, problems: list[FieldProblem]) -> ApiError:
    told = "; ".join(str(problem) for problem in problems[:_SHOWN])
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {told}'
    )


def _strict_refusal(resource: Resource, told: list[str]) -> ApiError:
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        f"strict decoding error: {', '.join(told[:_SHOWN])}"
    )


def _drop(obj: Any, path: Path) -> None:
    for step in path[:-1]:
        obj = obj[step]
    obj.pop(path[-1], None)


def _shown(value: object) -> str:
    return str(value)[:80]
