# SPDX-License-Identifier: Apache-2.0
"""Steps of a path in a FieldsV1 set: `f:name` a field, `k:{...}` an item by its keys, `v:...` an item by its value.

(structured-merge-diff, the serialization of path elements.) Steps are kept as these texts everywhere.
"""

from typing import Any, Final

import msgspec

from kube.schema import ListType, Schema

# The step that says: the path so far is itself in the set.
SELF: Final = "."

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def field_step(name: str) -> str:
    """The step to a field or to a key of a map."""
    return f"f:{name}"


def item_step(schema: Schema, item: Any) -> str:
    """The step to an item of a list of type set or map; missing keys count as their defaults, if they have one."""
    if schema.list_type is not ListType.MAP or not isinstance(item, dict):
        return f"v:{_encode(item).decode()}"
    keys = {}
    for key in schema.list_map_keys:
        value = item.get(key)
        if value is None:
            value = schema.key_defaults.get(key)
        if value is not None:
            keys[key] = value
    return f"k:{_encode(keys).decode()}"


def path_text(steps: tuple[str, ...]) -> str:
    """A path for people: .spec.containers[name="web"].image."""
    return "".join(map(_step_text, steps))


def _step_text(step: str) -> str:
    kind, _, rest = step.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "v":
        return f"[={rest}]"
    keys = msgspec.json.decode(rest)
    return "[" + ",".join(f"{key}={_encode(value).decode()}" for key, value in keys.items()) + "]"
