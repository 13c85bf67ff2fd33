# SPDX-License-Identifier: Apache-2.0
"""Values for the schemas of an OpenAPI document: mostly what fits, sometimes what nobody would send in good faith."""

from random import Random
from typing import Any, Final

Json = dict[str, Any]

_TEXTS: Final = (
    "", "a", "web", "default", "kube-system", "A b", "-", "None", "0", "80", "-1", "10.0.0.1", "10.96.0.10", "::1",
    "10.0.0.0/8", "Always", "Never", "TCP", "In", "Exists", "NotIn", "RollingUpdate", "Recreate", "Pod", "NodePort",
    "ExternalName", "LoadBalancer", "25%", "Local", "ClientIP", "Ingress", "@every 1h", "* * * * *", "*", "*/0 * * * *",
    "é", "\u202e", "\U0001f600", "/", "..", "../../etc", "a/b/c", "%00", "a" * 64, "a" * 300, "a." * 130, "\n", "\t\0",
    "kubernetes.io/kube-apiserver-client-kubelet", "system:masters", "cluster-admin", "2024-05-01T12:00:00Z",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2024-02-30T00:00:00Z", "1Gi", "500m", "-1", "1e3", "1e999999",
    "0x10", "NaN", "inf", "1_000", "٣", "YQ==", "====", "$patch", "$(POD_NAME)", "{{}}", "'\"", "\\", "null", "true",
    "foregroundDeletion", "orphan", "kubernetes", "example.com/x", "kubectl.kubernetes.io/last-applied-configuration",
)  # fmt: skip
_NUMBERS: Final = (
    0, 1, -1, 2, 80, 443, 30000, 65535, 65536, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, 2**63, -(2**63) - 1,
    2**64, 10**30, 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
_ODD_KEYS: Final = (
    "", "a", "$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "__class__",
    "metadata", "spec", "apiVersion", "é", "\0", "a/b", "f:a", ".", "k:{}", "x" * 300, "managedFields", "unknown",
)  # fmt: skip
WRONG: Final = 0.02
"""How likely a value is of another type than its schema says."""
_DEPTH: Final = 9


class Values:
    """Makes values for one document's schemas."""

    def __init__(self, document: Json, random: Random) -> None:
        self._schemas: Json = document.get("components", {}).get("schemas", {})
        self._random = random

    def resolve(self, schema: Json) -> Json:
        """The schema itself, behind references and allOf of one."""
        while True:
            if "$ref" in schema:
                schema = self._schemas[schema["$ref"].rpartition("/")[2]]
            elif len(schema.get("allOf", ())) == 1:
                schema = {**schema["allOf"][0], **{key: schema[key] for key in schema if key != "allOf"}}
            else:
                return schema

    def make(self, schema: Json, depth: int = 0) -> Any:
        """One value."""
        random = self._random
        if random.random() < WRONG:
            return self.hostile()
        schema = self.resolve(schema)
        if "oneOf" in schema or "anyOf" in schema:
            return self.make(random.choice(schema.get("oneOf") or schema["anyOf"]), depth)
        if "enum" in schema and random.random() < 0.9:
            return random.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        if kind == "array":
            count = random.choice((0, 1, 1, 2)) if depth < _DEPTH else 0
            return [self.make(schema.get("items", {}), depth + 1) for _ in range(count)]
        return self._scalar(kind)

    def mutate(self, value: Any, schema: Json, changes: int) -> Any:
        """A copy of a value that fits, with so many places made anew; the deeper ones are as likely as the others."""
        for _ in range(changes):
            value = self._changed(value, schema)
        return value

    def hostile(self) -> Any:
        """Anything, of any type."""
        random = self._random
        return random.choice(
            (
                None, True, {}, [], [[]], [None], {"": None}, {random.choice(_ODD_KEYS): random.choice(_TEXTS)},
                random.choice(_TEXTS), random.choice(_NUMBERS), _nested(random.choice((3, 150, 250, 600))),
                ["x"] * 2000,
            )
        )  # fmt: skip

    def text(self) -> str:
        """A text, odd or not."""
        return self._random.choice(_TEXTS)

    def _object(self, schema: Json, depth: int) -> Json:
        random = self._random
        properties: Json = schema.get("properties", {})
        required = schema.get("required", ())
        made = {}
        for name, child in properties.items():
            wanted = (
                0.98
                if name in required
                else 0.5
                if depth == 0
                else 1.2 / len(properties)
                if depth < _DEPTH
                else 0
            )
            if random.random() < wanted:
                made[name] = self.make(child, depth + 1)
        if isinstance(items := schema.get("additionalProperties"), dict):
            for _ in range(random.choice((0, 1, 2))):
                made[random.choice((*_ODD_KEYS, *_TEXTS))] = self.make(items, depth + 1)
        if random.random() < WRONG:
            made[random.choice(_ODD_KEYS)] = self.hostile()
        return made

    def _scalar(self, kind: str | None) -> Any:
        random = self._random
        if kind == "boolean":
            return random.random() < 0.5
        if kind in ("integer", "number"):
            return random.choice(_NUMBERS[:13]) if random.random() < 0.9 else random.choice(_NUMBERS)
        if kind == "string":
            return random.choice(_TEXTS)
        return self.hostile()

    def _changed(self, value: Any, schema: Json) -> Any:
        random, schema = self._random, self.resolve(schema)
        if isinstance(value, dict) and random.random() < 0.85:
            properties, items = schema.get("properties", {}), schema.get("additionalProperties")
            names = [*value] * 3 + [*properties]
            name = random.choice(names) if names and random.random() < 0.95 else random.choice(_ODD_KEYS)
            child = properties.get(name) or (items if isinstance(items, dict) else {})
            if name in value and random.random() < 0.1:
                return {key: kept for key, kept in value.items() if key != name}
            return {
                **value,
                name: self._changed(value[name], child) if name in value else self.make(child, 2),
            }
        if isinstance(value, list) and value and random.random() < 0.85:
            at, items = random.randrange(len(value)), schema.get("items", {})
            new = self._changed(value[at], items) if random.random() < 0.7 else self.make(items, 2)
            return [*value[:at], new, *value[at + (random.random() < 0.7) :]]
        return self.make(schema, 2) if random.random() < 0.7 else self.hostile()


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value
