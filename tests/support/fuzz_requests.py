# SPDX-License-Identifier: Apache-2.0
"""Requests for every operation of our own OpenAPI: paths, queries, headers and bodies, sane and insane.

Connections with nodes (log, exec, proxy and so on) are left out: what a fuzzer makes up would be called.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests.support.fuzz_values import Values

Json = dict[str, Any]

_CONNECT: Final = ("log", "exec", "attach", "portforward", "proxy")
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_TYPES: Final = (
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/json; charset=utf-8",
    "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
    "application/apply-patch+yaml", "text/plain", "", "application/xml", ";;", "application/apply-patch+cbor",
)  # fmt: skip
_ACCEPTS: Final = (
    "application/json", "application/yaml", "*/*", "application/json;as=Table;v=v1;g=meta.k8s.io", "text/html", ",,;",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "application/vnd.kubernetes.protobuf",
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io", "application/json;q=0", "a" * 500, "application/json;as=x",
)  # fmt: skip
_HEADERS: Final = (
    ("User-Agent", "kubectl/v1 (x)"), ("User-Agent", "\xe9" * 40), ("Authorization", "Bearer x"),
    ("Authorization", "Bearer \xff.\xff.\xff"), ("Authorization", "Basic YTpi"), ("Authorization", ""),
    ("Range", "bytes=0-1"), ("Impersonate-User", "jane"), ("Impersonate-User", "\xe9"), ("Impersonate-Extra-a%b", "x"),
    ("Impersonate-Group", "system:masters"), ("Impersonate-User", "system:serviceaccount:default:"), ("Host", "\xe9"),
    ("If-None-Match", "*"), ("X-HTTP-Method-Override", "DELETE"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
    ("Content-Encoding", "gzip"), ("Accept-Encoding", "gzip, br"), ("Cookie", "a=b; =; ;"), ("X-Long", "x" * 20_000),
    ("Expect", "100-continue"), ("Expect", "tea"), ("Content-Encoding", "\xe9"), ("X-Longest", "x" * 70_000),
    ("Accept", "\xe9"), ("Content-Type", "\xe9"),
)  # fmt: skip
_QUERY: Final = {
    "labelSelector": ("a=b", "a in (b,c)", "!a", "a notin (", "=", ",", "a=" + "b" * 5000, "x" * 300, "a,,b", "\0"),
    "fieldSelector": ("metadata.name=web", "spec.nodeName=", "x=y", "metadata.name!=a,metadata.namespace=b", "=", "\\"),
    "limit": ("1", "0", "-1", "500", "x", "99999999999", "1.5", "٣"),
    "continue": ("eyJ2Ijoib3Jsb3AifQ", "x", "====", "e30", "é", "W10"),
    "resourceVersion": ("0", "1", "x", "-1", "18446744073709551616", "9" * 400, "4", "٣", " 1"),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x"),
    "timeoutSeconds": ("1", "0", "-1", "x"),
    "watch": ("true", "1", "0", "x", ""),
    "allowWatchBookmarks": ("true", "x"),
    "sendInitialEvents": ("true", "false", "x"),
    "dryRun": ("All", "None", "x"),
    "fieldManager": ("me", "x" * 200, "\n", "é"),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x"),
    "force": ("true", "false", "x"),
    "gracePeriodSeconds": ("0", "-1", "30", "x", "99999999999999999999"),
    "propagationPolicy": ("Orphan", "Background", "Foreground", "x"),
    "orphanDependents": ("true", "false", "x"),
    "pretty": ("true", "x"),
    "includeObject": ("Object", "None", "Metadata", "x"),
}  # fmt: skip
_NAMES: Final = (
    "default", "web", "kube-system", "nosuch", "%00", "%ff", "%2F", "..", "%2e%2e", "a%2Fb", "%E2%80%AE", "A_b", "*",
    "a" * 300, "x" * 20_000, "%20", "namespaces", "status", "system:x", "%C3%A9", "~", "0", ";a=b", "a:b:c", "a?", "%",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path of the document. schema: of the body, {} for a patch, None without."""

    method: str
    path: str
    schema: Json | None
    document: Json = field(repr=False, compare=False)

    @property
    def plural(self) -> str:
        """The resource, whatever follows."""
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return parts[-2] if self.path.rpartition("}")[2].strip("/") and "{name}" in self.path else parts[-1]


@dataclass(frozen=True, slots=True)
class Request:
    """As it is sent; body None is none."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


def operations(document: Json) -> list[Operation]:
    """What a document of OpenAPI v3 offers, but for connections."""
    found: list[Operation] = []
    for path, item in document["paths"].items():
        if any(part in _CONNECT for part in path.split("/")):
            continue
        found += [Operation(m.upper(), path, _schema(item[m]), document) for m in _METHODS if m in item]
    return found


def _schema(operation: Json) -> Json | None:
    if "requestBody" not in operation:
        return None
    content: Json = operation["requestBody"]["content"]
    schema: Json = next(iter(content.values()))["schema"]
    return {} if schema.get("$ref", "").endswith(".Patch") else schema


class Fuzzer:
    """Makes requests; samples are objects that fit, by plural, as a client would send them."""

    def __init__(self, random: Random, samples: Mapping[str, Json]) -> None:
        self._random = random
        self._samples = samples

    def request(self, operation: Operation) -> Request:
        """One request for an operation; sometimes with another method."""
        random = self._random
        values = Values(operation.document, random)
        method = (
            operation.method
            if random.random() < 0.97
            else random.choice(("GET", "POST", "PUT", "DELETE", "HEAD"))
        )
        headers = {"Accept": random.choice(_ACCEPTS) if random.random() < 0.4 else "application/json"}
        headers.update(random.sample(_HEADERS, random.choice((0, 0, 0, 1, 2))))
        body = (
            None
            if operation.schema is None and random.random() < 0.95
            else self._body(operation, values, headers)
        )
        return Request(method, self._target(operation), headers, body)

    def _target(self, operation: Operation) -> str:
        random = self._random
        sane = random.random() < 0.75
        path = operation.path
        for name, usual in (("{namespace}", "default"), ("{name}", "web")):
            path = path.replace(name, usual if sane else random.choice(_NAMES))
        if random.random() < 0.02:
            path = path.replace("/", random.choice(("//", "/./", "/%2f/")), 1)
        pairs = [self._pair() for _ in range(random.choice((0, 0, 1, 1, 2, 3)))]
        return path.replace("?", "%3F") + ("?" + "&".join(pairs) if pairs else "")

    def _pair(self) -> str:
        random = self._random
        name = random.choice(("x", "=", "é", *_QUERY))
        value = random.choice((*_QUERY.get(name, ()), "")) if random.random() < 0.9 else random.choice(_NAMES)
        # No watch that stays, and nobody who waits for it.
        extra = "&timeoutSeconds=1" if name == "watch" else ""
        return f"{quote(name)}={quote(value)}{extra}"

    def _body(self, operation: Operation, values: Values, headers: dict[str, str]) -> bytes:
        random = self._random
        kind = random.choice(_TYPES) if random.random() < 0.05 else "application/json"
        data: Any
        if operation.method == "PATCH":
            kind = random.choice(_TYPES[4:8]) if random.random() < 0.95 else kind
            data = self._patch(operation, values, kind)
        else:
            data = self._whole(operation, values)
        headers.setdefault("Content-Type", kind)
        return self._spoiled(json.dumps(data).encode(), headers)

    def _whole(self, operation: Operation, values: Values) -> Any:
        """An object that fits with some changes, or one from nothing."""
        random, schema = self._random, operation.schema or {}
        sample = self._samples.get(operation.plural)
        is_options = schema.get("$ref", "").endswith("DeleteOptions")
        if sample is None or is_options or random.random() < 0.2:
            return values.make(schema)
        made = values.mutate(sample, schema, random.choice((0, 1, 1, 2, 4)))
        if random.random() < 0.4 and isinstance(made, dict) and isinstance(made.get("metadata"), dict):
            made = {**made, "metadata": {**made["metadata"], "name": f"f{random.randrange(50)}"}}
        return made

    def _patch(self, operation: Operation, values: Values, kind: str) -> Any:
        random = self._random
        sample = self._samples.get(operation.plural, {"metadata": {"name": "web"}})
        schema = self._schema_of(operation)
        if kind != "application/json-patch+json" or random.random() < 0.05:
            return values.mutate(sample, schema, random.choice((1, 1, 2, 4)))
        verbs = ("add", "remove", "replace", "move", "copy", "test", "x")
        return [
            {
                "op": random.choice(verbs),
                "path": self._pointer(sample),
                "from": self._pointer(sample),
                "value": values.hostile() if random.random() < 0.5 else values.text(),
            }
            for _ in range(random.choice((0, 1, 1, 2, 5)))
        ]

    def _schema_of(self, operation: Operation) -> Json:
        """That of the object behind the path: a PUT beside this PATCH tells."""
        put = operation.document["paths"][operation.path].get("put")
        return (_schema(put) if put else None) or {}

    def _pointer(self, value: Any) -> str:
        random, text = self._random, ""
        while isinstance(value, (dict, list)) and value and random.random() < 0.8:
            if isinstance(value, dict):
                name = random.choice([*value])
                text, value = f"{text}/{name.replace('~', '~0').replace('/', '~1')}", value[name]
            else:
                at = random.randrange(len(value))
                text, value = f"{text}/{at}", value[at]
        return text + random.choice(("", "", "", "/x", "/-", "/0", "/99999999999999999999", "/~2", "x"))

    def _spoiled(self, data: bytes, headers: dict[str, str]) -> bytes:
        random = self._random
        if headers.get("Content-Encoding") == "gzip":
            return gzip.compress(data) if random.random() < 0.7 else data
        if random.random() < 0.95 or not data:
            return data
        at = random.randrange(len(data))
        return random.choice(
            (
                data[:at], data[:at] + b"\xff" + data[at:], data[:at] + b"\0" + data[at:], b"\xef\xbb\xbf" + data,
                data + data, data.replace(b'"', b"'"), b'{"kind":"x",' + data[1:], data.decode().encode("utf-16"),
                data[: at + 1] + data[at:], b" " * 5000 + data, b"", data.replace(b":", b": !!python/object:x "),
            )
        )  # fmt: skip
