# SPDX-License-Identifier: Apache-2.0
"""Who owns which field, kept up to date by every write that is not an apply: creates, updates and patches.

A manager takes what it changes from everybody else, and nobody owns what is gone. The rules are those of
k8s.io/apiserver's fieldmanager; see the README for what is left out.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from controlplane.patch.compare import Difference, compare
from controlplane.patch.field_set import FieldSet, difference, union
from controlplane.patch.managers import (
    UPDATE,
    Managed,
    Manager,
    Owners,
    are_readable,
    cap_updates,
    read_owners,
    write_owners,
)
from controlplane.patch.path_element import SELF, field_step
from controlplane.patch.plain import Json
from kube import times
from kube.schema import Schema

# Fields of every object that the server sets, or that name the object: nobody owns them.
UNOWNED: Final = frozenset({"apiVersion", "kind"})
UNOWNED_METADATA: Final = frozenset(
    {
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    }
)

_UNOWNED_FIELDS: Final[FieldSet] = {
    **{field_step(name): {} for name in UNOWNED},
    "f:metadata": {SELF: {}, **{field_step(name): {} for name in UNOWNED_METADATA}},
}

# The longest field manager that the API accepts, in bytes of UTF-8.
MAX_MANAGER_LENGTH: Final = 128


def manager_name(field_manager: str, user_agent: str) -> str:
    """Who writes: the fieldManager parameter, or else the user agent up to its first slash, printable and cut."""
    if field_manager:
        return field_manager
    name = "".join(letter for letter in user_agent.partition("/")[0] if letter.isprintable())
    return name.encode()[:MAX_MANAGER_LENGTH].decode(errors="ignore")


def track_update(
    schema: Schema,
    old: Json | None,
    new: Json,
    *,
    manager: str,
    now: datetime,
    subresource: str = "",
    api_version: str,
    ignored: Collection[str] | None = None,
) -> Json:
    """The new object with metadata.managedFields filled in; old is None for a create.

    Call it with both objects as they will be stored (defaults set, read-only fields restored). new may bring its own
    managedFields: taken when they can be read, [{}] resets them, and anything else leaves the old ones in force. An
    object whose managers were reset is not tracked until somebody applies. Nothing is changed in place; the result
    shares with new everything but metadata. api_version is that of the request.

    ignored: top-level fields that this write does not own even where they differ; by default status, except
    for writes of a subresource.
    """
    owners = _starting(old, new, from_client=not subresource)
    if old is not None and not owners:
        return write_owners(new, {})
    found = compare_owned(schema, old, new, _ignored(subresource) if ignored is None else ignored)
    if found.changed is None and found.removed is None:
        return write_owners(new, owners)
    changes = {each: without(managed, found) for each, managed in owners.items()}
    left: Owners = {each: managed for each, managed in changes.items() if managed.fields}
    if found.changed is not None:
        self = Manager(manager, UPDATE, api_version, subresource)
        before = left.get(self)
        fields = union(before.fields if before else None, found.changed) or {}
        left[self] = Managed(fields, time_text(now), api_version)
    return write_owners(new, cap_updates(left))


def _ignored(subresource: str) -> Collection[str]:
    return () if subresource else ("status",)


def compare_owned(schema: Schema, old: Json | None, new: Json, ignored: Collection[str] = ()) -> Difference:
    """What differs between two states of an object, of the fields that can be owned."""
    return compare(schema, owned_part(old or {}, ignored), owned_part(new, ignored))


def owned_part(obj: Json, ignored: Collection[str] = ()) -> Json:
    """The object without the fields that nobody owns; metadata goes too when nothing is left of it."""
    part: dict[str, Any] = {key: obj[key] for key in obj if key not in UNOWNED and key not in ignored}
    metadata = part.pop("metadata", None) or {}
    owned = {key: value for key, value in metadata.items() if key not in UNOWNED_METADATA}
    return {**part, "metadata": owned} if owned else part


def ownable(fields: FieldSet | None) -> FieldSet | None:
    """A set without the fields that nobody owns."""
    return difference(fields, _UNOWNED_FIELDS)


def without(managed: Managed, found: Difference) -> Managed:
    """What a manager has after another write: without what that changed or removed."""
    fields = difference(difference(managed.fields, found.changed), found.removed)
    return managed if fields is managed.fields else Managed(fields or {}, managed.time, managed.api_version)


def _starting(old: Json | None, new: Json, *, from_client: bool) -> Owners:
    """The managers before this write: the client's, where it may and does send some, or the old object's."""
    sent = (new.get("metadata") or {}).get("managedFields")
    if not from_client or not sent:
        return read_owners(old)
    if sent == [{}]:
        return {}
    if old is not None and sent == (old.get("metadata") or {}).get("managedFields"):
        return read_owners(old)
    return (read_owners(new) if are_readable(sent) else {}) or read_owners(old)


def time_text(now: datetime) -> str:
    """As metav1.Time: RFC 3339, UTC, whole seconds."""
    return times.seconds(now)


def all_fields(owners: Owners) -> FieldSet | None:
    """What anybody owns."""
    found: FieldSet | None = None
    for managed in owners.values():
        found = union(found, managed.fields or None)
    return found
