# SPDX-License-Identifier: Apache-2.0
"""Objects as the engine has them after a create: in the storage version, complete and prepared."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

from controlplane.registry import default_registry
from controlplane.registry.resource import Resource
from tests.support.minimal_objects import Key, minimal

Json = dict[str, Any]

REGISTRY: Final = default_registry()
NOW: Final = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
UID: Final = "0b0c9d3e-7f0a-4a37-9a54-6f1d3f1f0c11"


def resource(key: Key) -> Resource:
    """The kind of this group, version and plural."""
    found = REGISTRY.find(*key)
    assert found is not None, key
    return found


def created(key: Key, **changes: Any) -> Json:
    """A minimal object with these fields changed ("spec.type" is written spec__type), as it is stored."""
    kind = resource(key)
    obj = minimal(key, kind.kind)
    for path, value in changes.items():
        put(obj, path.replace("__", "."), value)
    return prepared(kind, obj)


def prepared(kind: Resource, obj: Json) -> Json:
    """Convert, complete and prepare, as a create does."""
    obj = kind.to_storage(obj) if kind.to_storage else obj
    obj["metadata"] |= {"uid": UID, "creationTimestamp": "2024-05-01T11:55:00Z"}
    kind.strategy.set_defaults(obj)
    kind.strategy.prepare_create(obj)
    return obj


def updated(key: Key, old: Json, **changes: Any) -> Json:
    """The old object with fields changed, as an update prepares it."""
    obj = deepcopy(old)
    for path, value in changes.items():
        put(obj, path.replace("__", "."), value)
    strategy = resource(key).strategy
    strategy.set_defaults(obj)
    strategy.prepare_update(obj, old)
    return obj


def put(obj: Any, path: str, value: Any) -> None:
    """Set the value at a dotted path, with numbers for list indexes; None removes it."""
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in steps:
        obj = obj[step] if isinstance(step, int) else obj.setdefault(step, {})
    if value is None and isinstance(obj, dict):
        obj.pop(last, None)
    else:
        obj[last] = deepcopy(value)
