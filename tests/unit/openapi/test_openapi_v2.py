# SPDX-License-Identifier: Apache-2.0
"""OpenAPI v2 beside v3, and its protobuf form read back."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from controlplane.openapi import OpenApi
from controlplane.openapi.answer import PROTOBUF
from controlplane.protobuf.wire import Budget, read
from controlplane.registry import default_registry

Json = dict[str, Any]
REGISTRY = default_registry()
KINDS = "x-kubernetes-group-version-kind"
OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


@cache
def openapi() -> OpenApi:
    return OpenApi(REGISTRY)


@cache
def v2() -> Json:
    status, headers, body = openapi().answer("/openapi/v2", "application/json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    found: Json = json.loads(body)
    return found


def v3_documents() -> Iterator[Json]:
    index = json.loads(openapi().answer("/openapi/v3", "")[2])
    for name in index["paths"]:
        yield json.loads(openapi().answer(f"/openapi/v3/{name}", "")[2])


def as_v2(value: object) -> object:
    """A schema of v3 in the words of v2."""
    if isinstance(value, list):
        return [as_v2(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: as_v2(each) for key, each in value.items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = str(found["$ref"]).replace("#/components/schemas/", "#/definitions/")
    if isinstance(found.get("allOf"), list):
        (only,) = found.pop("allOf")
        found |= only
    if isinstance(found.get("oneOf"), list):
        # v2 has no alternatives: such a value is a string there.
        assert {"type": "string"} in found.pop("oneOf")
        found["type"] = "string"
    return found


def test_both_versions_say_the_same_of_types() -> None:
    names = set()
    for document in v3_documents():
        for name, schema in document["components"]["schemas"].items():
            names.add(name)
            wanted = as_v2(schema)
            assert isinstance(wanted, dict)
            # A kind of another group's subresource is known in the document of the whole API only.
            kinds = v2()["definitions"][name].get(KINDS, [])
            assert all(kind in kinds for kind in wanted.pop(KINDS, []))
            assert {key: each for key, each in v2()["definitions"][name].items() if key != KINDS} == wanted
    assert names == set(v2()["definitions"])


def test_both_versions_have_the_same_operations() -> None:
    def told(documents: Iterator[Json]) -> Json:
        return {
            (path, method): (operation["operationId"], operation["x-kubernetes-action"])
            for document in documents
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method != "parameters"
        }

    assert told(iter([v2()])) == told(v3_documents())
    ids = [name for name, _ in told(iter([v2()])).values()]
    assert len(ids) == len(set(ids))


def test_parameters_in_the_old_form() -> None:
    patch = v2()["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    body, *rest = patch["parameters"]
    assert body["schema"] == {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"}
    assert {each["name"] for each in rest} == {"dryRun", "fieldManager", "fieldValidation", "force"}
    assert "application/strategic-merge-patch+json" in patch["consumes"]


def fields(data: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for value in read(data, Budget(10**9)):
        found.setdefault(value.number, []).append(value.content)
    return found


def named(items: list[bytes]) -> dict[str, bytes]:
    return {fields(item)[1][0].decode(): fields(item)[2][0] for item in items}


@pytest.mark.parametrize("accept", [OLD, PROTOBUF, f"{PROTOBUF},{OLD};q=0.5"])
def test_protobuf_has_the_same_paths_and_definitions(accept: str) -> None:
    status, headers, body = openapi().answer("/openapi/v2", accept)
    assert (status, headers["Content-Type"]) == (200, PROTOBUF)
    document = fields(body)
    assert document[1] == [b"2.0"]
    paths = named([each for piece in document[8] for each in fields(piece)[2]])
    assert set(paths) == set(v2()["paths"])
    definitions = named([each for piece in document[9] for each in fields(piece)[1]])
    assert set(definitions) == set(v2()["definitions"])


def test_protobuf_carries_what_kubectl_reads() -> None:
    """Numbers are those of gnostic's OpenAPIv2.proto, read here without the writer's tables."""
    document = fields(openapi().answer("/openapi/v2", OLD)[2])
    definitions = named([each for piece in document[9] for each in fields(piece)[1]])
    spec = fields(definitions["io.k8s.api.core.v1.PodSpec"])
    assert fields(spec[22][0])[1] == [b"object"]
    assert spec[19] == [b"containers"]
    containers = fields(named(fields(spec[25][0])[1])["containers"])
    (item,) = fields(containers[23][0])[1]
    assert fields(item)[1] == [b"#/definitions/io.k8s.api.core.v1.Container"]
    extensions = {name: json.loads(fields(value)[2][0]) for name, value in named(containers[31]).items()}
    assert extensions == {
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": "name",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    paths = named([each for piece in document[8] for each in fields(piece)[2]])
    patch = fields(fields(paths["/api/v1/namespaces/{namespace}/pods/{name}"])[8][0])
    kind = json.loads(fields(named(patch[13])["x-kubernetes-group-version-kind"])[2][0])
    assert kind == {"group": "", "version": "v1", "kind": "Pod"}
    queries = [fields(fields(fields(each)[1][0])[2][0])[3][0] for each in patch[8][1:]]
    assert b"dryRun" in [fields(query)[4][0] for query in queries]


def test_each_form_has_its_own_tag() -> None:
    tags = [openapi().answer("/openapi/v2", accept)[1]["ETag"] for accept in ("application/json", OLD)]
    assert tags[0] != tags[1]
    assert openapi().answer("/openapi/v2", OLD, tags[1])[0] == 304
    assert openapi().answer("/openapi/v2", OLD, tags[0])[0] == 200
