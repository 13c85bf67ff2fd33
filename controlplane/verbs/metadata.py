# SPDX-License-Identifier: Apache-2.0
"""ObjectMeta: what the server sets, what it carries over on an update, and what it refuses."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from controlplane.errors import Cause, bad_request
from controlplane.registry.resource import Resource
from controlplane.registry.strategy import causes
from kube import times
from kube.names import DNS_SUBDOMAIN, LABEL_KEY, check_annotations, check_labels
from kube.problem import FieldProblem, forbidden, invalid, required

Json = dict[str, Any]

# As in apiserver's names.SimpleNameGenerator: no vowels, so that no words come out.
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX: Final = 5
_LONGEST_BASE: Final = 63 - _SUFFIX
# What only the server writes; an update keeps the old values.
_OURS: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)


def timestamp(moment: datetime) -> str:
    """metav1.Time: RFC 3339 in UTC, whole seconds."""
    return times.seconds(moment)


def generated_name(base: str) -> str:
    """generateName with five characters behind it, cut so that it fits a label."""
    return base[:_LONGEST_BASE] + "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))


def check_namespace(obj: Json, resource: Resource, namespace: str) -> None:
    """The object's namespace is the URL's, or becomes it. Raises ApiError 400."""
    metadata = obj["metadata"]
    given = metadata.get("namespace", "")
    if given and given != namespace:
        if not resource.namespaced:
            raise bad_request(f"namespace must not be set: {resource.kind} is not namespaced")
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request: "
            f"{given!r} and {namespace!r}"
        )
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)


def begin(obj: Json, now: datetime) -> None:
    """A new object: what the server knows of it."""
    metadata = obj["metadata"]
    for name in (*_OURS, "resourceVersion"):
        metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(now)


def carry_over(obj: Json, old: Json) -> None:
    """An update: what the server wrote stays as it was, whatever the client sends."""
    metadata = obj["metadata"]
    for name in _OURS:
        if name in old["metadata"]:
            metadata[name] = old["metadata"][name]
        else:
            metadata.pop(name, None)
    if "generateName" in old["metadata"]:
        metadata.setdefault("generateName", old["metadata"]["generateName"])


def check(obj: Json, resource: Resource) -> tuple[Cause, ...]:
    """What is wrong with the metadata of any object."""
    metadata = obj["metadata"]
    path = ("metadata",)
    problems = [
        *resource.strategy.name_rule.check((*path, "name"), metadata.get("name")),
        *check_labels((*path, "labels"), metadata.get("labels")),
        *check_annotations((*path, "annotations"), metadata.get("annotations")),
        *_check_owners(metadata.get("ownerReferences") or []),
        *_check_finalizers(metadata.get("finalizers") or []),
    ]
    if resource.namespaced:
        problems += DNS_SUBDOMAIN.check((*path, "namespace"), metadata.get("namespace"))
    return causes(problems)


def check_change(obj: Json, old: Json) -> tuple[Cause, ...]:
    """What an update may not do to metadata: add finalizers to an object that is being deleted."""
    if not old["metadata"].get("deletionTimestamp"):
        return ()
    before = set(old["metadata"].get("finalizers") or [])
    added = [name for name in obj["metadata"].get("finalizers") or [] if name not in before]
    why = f"no new finalizers can be added if the object is being deleted, found new finalizers {added}"
    return causes([forbidden(("metadata", "finalizers"), why)] if added else [])


def _check_owners(owners: list[Json]) -> Iterable[FieldProblem]:
    path = ("metadata", "ownerReferences")
    for index, owner in enumerate(owners):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield required((*path, index, field), "not empty")
    controllers = [owner for owner in owners if owner.get("controller")]
    if len(controllers) > 1:
        yield invalid(path, [owner.get("name") for owner in controllers], "only one with controller: true")


def _check_finalizers(finalizers: list[str]) -> Iterable[FieldProblem]:
    path = ("metadata", "finalizers")
    for index, name in enumerate(finalizers):
        if not LABEL_KEY.fits(name):
            yield invalid((*path, index), name, LABEL_KEY.accepted)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        yield invalid(path, finalizers, "not both orphan and foregroundDeletion")
