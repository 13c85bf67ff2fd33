# SPDX-License-Identifier: Apache-2.0
"""OpenAPI 2.0 as protobuf: the message Document of gnostic's package openapi.v2, which kubectl and client-go read.

Written field by field from the tables below, which hold what our documents have. Facts: message and field numbers of
github.com/google/gnostic, openapiv2/OpenAPIv2.proto. Extensions (x-...) are text in YAML, of which JSON is a part.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]
Encode = Callable[[Any], bytes]
Table = Mapping[str, tuple[int, Encode]]


def document(
    info: Json, paths: Iterable[tuple[str, Json]], definitions: Iterable[tuple[str, Json]]
) -> Iterator[bytes]:
    """The message in pieces. A submessage that is written several times is, for readers, all of them together."""
    yield _chunk(1, b"2.0")
    yield _chunk(2, _message(info, {"title": (1, _text), "version": (2, _text)}))
    for path, item in paths:
        yield _chunk(8, _chunk(2, _named(path, _path(item))))
    for name, schema in definitions:
        yield _chunk(9, _chunk(1, _named(name, _schema(schema))))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _chunk(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _text(value: str) -> bytes:
    return value.encode()


def _message(value: Json, table: Table, extension: int = 0) -> bytes:
    """An object by its table; lists are written item by item. A key that the table lacks is a KeyError."""
    parts = []
    for key, each in value.items():
        if extension and key.startswith("x-"):
            parts.append(_chunk(extension, _named(key, _chunk(2, json.dumps(each).encode()))))
            continue
        number, encode = table[key]
        if encode is _flag:
            parts.append(_varint(number << 3) + encode(each))
        else:
            parts += [_chunk(number, encode(item)) for item in (each if isinstance(each, list) else [each])]
    return b"".join(parts)


def _named(name: str, value: bytes) -> bytes:
    return _chunk(1, name.encode()) + _chunk(2, value)


def _flag(value: object) -> bytes:
    return b"\x01" if value else b"\x00"


def _schema(value: Json) -> bytes:
    return _message(value, _SCHEMA, 31)


def _only(number: int, encode: Encode) -> Encode:
    """A message that is there to hold one field."""
    return lambda value: _chunk(number, encode(value))


def _map(number: int, encode: Encode) -> Encode:
    """An object as a list of names with values."""
    return lambda value: b"".join(_chunk(number, _named(key, encode(each))) for key, each in value.items())


_SCHEMA: Final[Table] = {
    "$ref": (1, _text),
    "format": (2, _text),
    "description": (4, _text),
    "required": (19, _text),
    "additionalProperties": (21, _only(1, _schema)),
    "type": (22, _only(1, _text)),
    "items": (23, _only(1, _schema)),
    "properties": (25, _map(1, _schema)),
}
_BODY: Final[Table] = {
    "description": (1, _text),
    "name": (2, _text),
    "in": (3, _text),
    "required": (4, _flag),
    "schema": (5, _schema),
}
_QUERY: Final[Table] = {
    "required": (1, _flag),
    "in": (2, _text),
    "description": (3, _text),
    "name": (4, _text),
    "type": (6, _text),
    "uniqueItems": (20, _flag),
}
_PATH: Final[Table] = {**_QUERY, "type": (5, _text), "uniqueItems": (19, _flag)}


def _parameter(value: Json) -> bytes:
    """A ParametersItem with a Parameter, which is a BodyParameter or a NonBodyParameter of the query or the path."""
    if value["in"] == "body":
        return _chunk(1, _chunk(1, _message(value, _BODY)))
    number, table = (3, _QUERY) if value["in"] == "query" else (4, _PATH)
    return _chunk(1, _chunk(2, _chunk(number, _message(value, table))))


_RESPONSE: Final[Table] = {"description": (1, _text), "schema": (2, _only(1, _schema))}


def _response(value: Json) -> bytes:
    return _chunk(1, _message(value, _RESPONSE))


_OPERATION: Final[Table] = {
    "description": (3, _text),
    "operationId": (5, _text),
    "produces": (6, _text),
    "consumes": (7, _text),
    "parameters": (8, _parameter),
    "responses": (9, _map(1, _response)),
}


def _operation(value: Json) -> bytes:
    return _message(value, _OPERATION, 13)


_ITEM: Final[Table] = {
    "get": (2, _operation),
    "put": (3, _operation),
    "post": (4, _operation),
    "delete": (5, _operation),
    "patch": (8, _operation),
    "parameters": (9, _parameter),
}


def _path(value: Json) -> bytes:
    return _message(value, _ITEM)
