# SPDX-License-Identifier: Apache-2.0
"""metav1.DeleteOptions, from the body or the query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controlplane.errors import bad_request

Json = dict[str, Any]

POLICIES: Final = ("Background", "Foreground", "Orphan")
_KNOWN: Final = {
    "apiVersion",
    "kind",
    "gracePeriodSeconds",
    "propagationPolicy",
    "orphanDependents",
    "preconditions",
    "dryRun",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """grace None: the object's own; policy "": the kind's own; uid and resource_version "" ask for nothing."""

    grace: int | None = None
    policy: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


def parse_delete_options(body: object, query: Mapping[str, str]) -> DeleteOptions:
    """The body's where there is one, else the query's, as in Kubernetes. Raises ApiError 400 and 422."""
    return _from_body(body) if body else _from_query(query)


def _from_query(query: Mapping[str, str]) -> DeleteOptions:
    data: Json = {}
    if grace := query.get("gracePeriodSeconds"):
        if not grace.isascii() or not grace.removeprefix("-").isdigit() or len(grace) > 10:
            raise bad_request(f"gracePeriodSeconds has to be an integer, not {grace[:40]!r}")
        data["gracePeriodSeconds"] = int(grace)
    if policy := query.get("propagationPolicy"):
        data["propagationPolicy"] = policy
    if orphan := query.get("orphanDependents"):
        data["orphanDependents"] = orphan in ("true", "1")
    if "dryRun" in query:
        data["dryRun"] = [query["dryRun"]]
    return _from_body(data)


def _from_body(body: object) -> DeleteOptions:
    if not isinstance(body, dict):
        raise bad_request("DeleteOptions has to be an object")
    if body.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request(f"expected DeleteOptions, not {str(body['kind'])[:80]!r}")
    for name in body.keys() - _KNOWN:
        raise bad_request(f'strict decoding error: unknown field "{str(name)[:80]}" of DeleteOptions')
    preconditions = _typed(body, "preconditions", dict) or {}
    return DeleteOptions(
        grace=_grace(body),
        policy=_policy(body),
        uid=_typed(preconditions, "uid", str) or "",
        resource_version=_typed(preconditions, "resourceVersion", str) or "",
        dry_run=parse_dry_run(_typed(body, "dryRun", list) or []),
    )


def parse_dry_run(values: list[Any]) -> bool:
    """Whether "All" is asked for. Raises ApiError 400 for anything else."""
    if any(value != "All" for value in values if value != ""):
        raise bad_request(f'dryRun: Unsupported value: {str(values)[:80]}: supported values: "All"')
    return "All" in values


def _grace(body: Json) -> int | None:
    grace: int | None = _typed(body, "gracePeriodSeconds", int)
    if isinstance(grace, bool) or (grace is not None and abs(grace) >= 1 << 31):
        raise bad_request("gracePeriodSeconds has to be an integer of 32 bits")
    # As in Kubernetes, less than nothing is as little as there is.
    return max(grace, 1) if grace is not None and grace < 0 else grace


def _policy(body: Json) -> str:
    policy, orphan = _typed(body, "propagationPolicy", str), _typed(body, "orphanDependents", bool)
    if policy and orphan is not None:
        raise bad_request("orphanDependents and deletionPropagation cannot be both set")
    if policy and policy not in POLICIES:
        raise bad_request(f"propagationPolicy {policy[:80]!r} is none of {', '.join(POLICIES)}")
    if orphan is None:
        return policy or ""
    return "Orphan" if orphan else "Background"


def _typed(body: Json, name: str, kind: type) -> Any:
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise bad_request(f"{name} of DeleteOptions has the wrong type")
    return value
