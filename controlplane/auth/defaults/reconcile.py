# SPDX-License-Identifier: Apache-2.0
"""At every start: defaults that are missing are made, what they lack is added, what users added or froze stays.

An object with the annotation rbac.authorization.kubernetes.io/autoupdate: "false" is left alone altogether. The rules
of a role that is a sum are the aggregation controller's business; only its selectors are seen to.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from controlplane.auth.aggregate import outdated
from controlplane.auth.defaults import components, controllers, everybody, nodes, people
from controlplane.auth.defaults.build import AUTOUPDATE
from controlplane.auth.rbac import GROUP, PREFIXES
from controlplane.auth.rules import not_covered, rule_of, rules_of
from controlplane.store.errors import ConflictError, ExistsError
from controlplane.store.interface import Store

Json = dict[str, Any]

_PLURALS: Final = {
    "Role": "roles",
    "ClusterRole": "clusterroles",
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
}


@dataclass(frozen=True, slots=True)
class Write:
    """One object to write under key: a new one (revision 0), or in place of the one of that revision."""

    key: str
    obj: Json
    revision: int = 0


def all_defaults() -> dict[str, Json]:
    """Every default object by its key, sums of roles worked out."""
    parts = (people, everybody, nodes, components, controllers)
    objects = [role for part in parts for role in part.ROLES]
    objects += [binding for part in (everybody, nodes, components, controllers) for binding in part.BINDINGS]
    found = {key_of(obj): obj for obj in objects}
    while late := outdated(obj for obj in found.values() if obj["kind"] == "ClusterRole"):
        found.update((key_of(obj), obj) for obj in late)
    return found


def key_of(obj: Json) -> str:
    """The store's key of a role or binding."""
    metadata = obj["metadata"]
    return f"/{GROUP}/{_PLURALS[obj['kind']]}/{metadata.get('namespace', '')}/{metadata['name']}"


def reconciled(present: Json, wanted: Json) -> Json | None:
    """The present object with what it lacks of the wanted one; None if there is nothing to do."""
    if (present["metadata"].get("annotations") or {}).get(AUTOUPDATE) == "false":
        return None
    if "roleRef" in wanted:
        result = _binding(present, wanted)
    elif "aggregationRule" in wanted:
        result = {
            **present,
            "aggregationRule": wanted["aggregationRule"],
            "rules": present.get("rules") or [],
        }
    else:
        result = {**present, "rules": _rules(present, wanted)}
    result["metadata"] = _metadata(present["metadata"], wanted["metadata"])
    return None if result == present else result


def plan(present: Mapping[str, tuple[Json, int]], defaults: Mapping[str, Json]) -> list[Write]:
    """What to write, given the objects that there are with their revisions."""
    writes = []
    for key, wanted in defaults.items():
        if key not in present:
            writes.append(Write(key, wanted))
            continue
        obj, revision = present[key]
        if changed := reconciled(obj, wanted):
            writes.append(Write(key, changed, revision))
    return writes


async def reconcile(store: Store, now: datetime) -> int:
    """Do it; gives how many objects were written. Another server that does the same at once is no trouble."""
    present = {}
    for prefix in PREFIXES:
        for record in (await store.list(prefix)).records:
            present[record.key] = (msgspec.json.decode(record.value), record.mod_revision)
    writes = plan(present, all_defaults())
    for write in writes:
        await _apply(store, write, now)
    return len(writes)


async def _apply(store: Store, write: Write, now: datetime) -> None:
    try:
        if write.revision:
            await store.update(write.key, msgspec.json.encode(write.obj), expected=write.revision)
            return
        stamp = {"uid": str(uuid.uuid4()), "creationTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        obj = {**write.obj, "metadata": {**write.obj["metadata"], **stamp}}
        await store.create(write.key, msgspec.json.encode(obj))
    except (ExistsError, ConflictError):
        # Written by somebody else in between: theirs is newer, and the next start looks again.
        return


def _rules(present: Json, wanted: Json) -> list[Json]:
    held = rules_of(present)
    rules = list(present.get("rules") or [])
    return rules + [data for data in wanted["rules"] if not_covered(held, [rule_of(data)])]


def _binding(present: Json, wanted: Json) -> Json:
    subjects = list(present.get("subjects") or [])
    known = {_identity(subject) for subject in subjects}
    subjects += [subject for subject in wanted["subjects"] if _identity(subject) not in known]
    return {**present, "roleRef": wanted["roleRef"], "subjects": subjects}


def _identity(subject: Json) -> tuple[str, str, str]:
    return str(subject.get("kind")), str(subject.get("namespace", "")), str(subject.get("name"))


def _metadata(present: Json, wanted: Json) -> Json:
    merged = {**present}
    for part in ("labels", "annotations"):
        merged[part] = {**wanted[part], **(present.get(part) or {})}
    return merged
