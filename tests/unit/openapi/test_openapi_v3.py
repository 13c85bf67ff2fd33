# SPDX-License-Identifier: Apache-2.0
"""OpenAPI v3 of all registered kinds, walked beside the models that it is made of."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from controlplane.openapi import OpenApi
from controlplane.openapi.names import definition_name
from controlplane.registry import default_registry
from kube.schema import Shape, schema_of

Json = dict[str, Any]
REGISTRY = default_registry()
VERSIONS = [(group.name, version) for group in REGISTRY.groups for version in group.versions]
PATCHES = {
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
}


@cache
def openapi() -> OpenApi:
    return OpenApi(REGISTRY)


def get(path: str) -> Json:
    status, headers, body = openapi().answer(path, "application/json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    found: Json = json.loads(body)
    return found


def document(group: str, version: str) -> Json:
    return get(f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}")


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        # JSONSchemaProps has a property of that name.
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def operations(told: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in told["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def operation(told: Json, action: str, kind: str, path: str = "") -> Json:
    found = [
        each
        for where, _, each in operations(told)
        if each["x-kubernetes-action"] == action
        and each["x-kubernetes-group-version-kind"]["kind"] == kind
        and where.endswith(path)
    ]
    return found[0]


def test_the_index_names_every_group_and_version_with_the_hash_of_its_document() -> None:
    paths = get("/openapi/v3")["paths"]
    assert set(paths) == {
        f"apis/{group}/{version}" if group else f"api/{version}" for group, version in VERSIONS
    }
    for name, entry in paths.items():
        _, headers, _ = openapi().answer(f"/openapi/v3/{name}", "*/*")
        tag = headers["ETag"].strip('"')
        assert entry["serverRelativeURL"] == f"/openapi/v3/{name}?hash={tag}"


@pytest.mark.parametrize(("group", "version"), VERSIONS)
def test_every_reference_leads_somewhere_and_every_definition_is_used(group: str, version: str) -> None:
    told = document(group, version)
    named = {reference.removeprefix("#/components/schemas/") for reference in references(told)}
    assert named == set(told["components"]["schemas"])


@pytest.mark.parametrize("resource", list(REGISTRY), ids=lambda resource: resource.kind)
def test_definitions_have_the_fields_of_the_models(resource: Any) -> None:
    schemas = document(resource.group, resource.version)["components"]["schemas"]
    waiting, done = [schema_of(resource.model)], set()
    while waiting:
        schema = waiting.pop()
        if schema.model is None or schema.model in done:
            continue
        done.add(schema.model)
        made = schemas[definition_name(schema.model)]
        properties = made.get("properties", {})
        assert set(properties) == set(schema.fields)
        assert made.get("required", []) == sorted(
            name for name, field in schema.fields.items() if field.required
        )
        for name, field in schema.fields.items():
            assert properties[name].get("description", "") == schema.description(name)
            assert (properties[name].get("type") == "array") == (field.schema.shape is Shape.LIST)
            inner = field.schema
            while inner.items is not None:
                inner = inner.items
            waiting.append(inner)


@pytest.mark.parametrize("resource", list(REGISTRY), ids=lambda resource: resource.kind)
def test_kinds_and_lists_are_found_by_group_version_and_kind(resource: Any) -> None:
    schemas = document(resource.group, resource.version)["components"]["schemas"]
    told = {
        (each["group"], each["version"], each["kind"]): name
        for name, schema in schemas.items()
        for each in schema.get("x-kubernetes-group-version-kind", ())
    }
    name = told[resource.group, resource.version, resource.kind]
    assert name == definition_name(resource.model)
    if "list" in resource.verbs:
        assert told[resource.group, resource.version, f"{resource.kind}List"] == f"{name}List"


def test_the_extensions_that_patches_need() -> None:
    schemas = document("", "v1")["components"]["schemas"]
    spec = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]
    containers = {key: value for key, value in spec["containers"].items() if key != "description"}
    assert containers == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"},
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": "name",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    assert spec["volumes"]["x-kubernetes-patch-strategy"] == "merge,retainKeys"
    assert spec["nodeSelector"]["x-kubernetes-map-type"] == "atomic"
    assert schemas["io.k8s.api.core.v1.ObjectFieldSelector"]["x-kubernetes-map-type"] == "atomic"


def test_types_of_places() -> None:
    schemas = document("", "v1")["components"]["schemas"]
    metadata = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"]
    time = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Time"
    assert metadata["creationTimestamp"]["allOf"] == [{"$ref": time}]
    assert metadata["labels"]["additionalProperties"] == {"type": "string"}
    assert (metadata["generation"]["type"], metadata["generation"]["format"]) == ("integer", "int64")
    probe = schemas["io.k8s.api.core.v1.Probe"]["properties"]
    assert (probe["failureThreshold"]["format"], probe["httpGet"].get("format")) == ("int32", None)
    assert schemas["io.k8s.api.core.v1.ConfigMap"]["properties"]["binaryData"]["additionalProperties"] == {
        "type": "string",
        "format": "byte",
    }
    requirements = schemas["io.k8s.api.core.v1.ResourceRequirements"]["properties"]
    quantity = "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"
    assert requirements["limits"]["additionalProperties"] == {"$ref": quantity}
    port = schemas["io.k8s.api.core.v1.HTTPGetAction"]["properties"]["port"]
    assert port["allOf"] == [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString"}]
    either = schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    assert (either.get("type"), either["oneOf"]) == (None, [{"type": "integer"}, {"type": "string"}])
    entry = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry"]["properties"]
    assert entry["fieldsV1"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"}
    ]


@pytest.mark.parametrize(("group", "version"), VERSIONS)
def test_operations_have_ids_and_parameters_of_their_own(group: str, version: str) -> None:
    told = document(group, version)
    ids = [each["operationId"] for _, _, each in operations(told)]
    assert len(ids) == len(set(ids))
    for path, item in told["paths"].items():
        in_path = {each["name"] for each in item.get("parameters", ())}
        assert {f"{{{name}}}" for name in in_path} == {part for part in path.split("/") if part[:1] == "{"}
    for _, _, each in operations(told):
        names = [parameter["name"] for parameter in each.get("parameters", ())]
        assert len(names) == len(set(names))


def names_of(told: Json) -> set[str]:
    return {each["name"] for each in told["parameters"]}


def test_what_kubectl_asks_of_operations() -> None:
    told = document("", "v1")
    write = {"dryRun", "fieldManager", "fieldValidation"}
    assert names_of(operation(told, "post", "ConfigMap")) == write
    assert names_of(operation(told, "put", "ConfigMap")) == write
    patch = operation(told, "patch", "ConfigMap")
    assert names_of(patch) == write | {"force"}
    assert set(patch["requestBody"]["content"]) == PATCHES
    assert {"propagationPolicy", "gracePeriodSeconds", "dryRun"} <= names_of(operation(told, "delete", "Pod"))
    assert {"watch", "labelSelector", "limit", "continue"} <= names_of(operation(told, "list", "Pod"))
    assert "/api/v1/pods" in told["paths"]
    assert "get" in told["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]
    assert set(told["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/log"]) == {"parameters", "get"}
    eviction = told["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]["post"]
    assert eviction["x-kubernetes-group-version-kind"] == {
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
    }
    attach = told["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/attach"]["post"]
    assert attach["x-kubernetes-action"] == "connect"
