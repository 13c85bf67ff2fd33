# SPDX-License-Identifier: Apache-2.0
"""The query of a request as the options of its verb."""

from collections.abc import Mapping
from typing import Final

from controlplane.errors import ApiError, Cause, bad_request
from controlplane.registry.resource import Resource
from controlplane.verbs.call import FieldValidation, WriteOptions
from controlplane.verbs.deletion_options import parse_dry_run
from controlplane.verbs.list import ListOptions
from controlplane.verbs.selection import Selection
from controlplane.verbs.watch import WatchOptions

Query = Mapping[str, str]

_LONGEST_MANAGER: Final = 128
_MOST: Final = 1 << 31


def is_true(text: str) -> bool:
    """A boolean of a query, as Go's clients write it; "" (`?watch`) counts as true, as in Kubernetes."""
    return text.lower() not in ("0", "false", "f")


def flag(query: Query, name: str) -> bool:
    """Whether an option is there and true."""
    return name in query and is_true(query[name])


def write_options(query: Query) -> WriteOptions:
    """Raises ApiError 400 and 422."""
    manager = query.get("fieldManager", "")
    if len(manager) > _LONGEST_MANAGER or not manager.isprintable():
        raise _invalid("fieldManager", f"has to be at most {_LONGEST_MANAGER} printable characters")
    validation = query.get("fieldValidation") or FieldValidation.WARN
    if validation not in set(FieldValidation):
        raise _invalid("fieldValidation", f"supported values: {', '.join(FieldValidation)}")
    return WriteOptions(
        dry_run=parse_dry_run([query["dryRun"]]) if "dryRun" in query else False,
        field_manager=manager,
        field_validation=FieldValidation(validation),
        force=is_true(query["force"]) if "force" in query else None,
    )


def selection(query: Query, resource: Resource) -> Selection:
    """Raises ApiError 400."""
    return Selection.parse(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))


def list_options(query: Query, resource: Resource) -> ListOptions:
    """Raises ApiError 400."""
    return ListOptions(
        selection(query, resource),
        limit=number(query, "limit"),
        token=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
    )


def watch_options(query: Query, resource: Resource) -> WatchOptions:
    """Raises ApiError 400."""
    if query.get("continue"):
        raise bad_request("continue is forbidden for watch")
    return WatchOptions(
        selection(query, resource),
        resource_version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        bookmarks=flag(query, "allowWatchBookmarks"),
        send_initial=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )


def number(query: Query, name: str) -> int:
    """A number that is not negative, 0 when absent. Raises ApiError 400."""
    text = query.get(name, "")
    if text and (not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) >= _MOST):
        raise bad_request(f"{name} has to be a number from 0 to {_MOST - 1}, not {text[:40]!r}")
    return int(text or 0)


def _invalid(field: str, why: str) -> ApiError:
    text = f'options.meta.k8s.io "" is invalid: {field}: Invalid value: {why}'
    return ApiError(
        422, "Invalid", text, group="meta.k8s.io", causes=(Cause("FieldValueInvalid", why, field),)
    )
