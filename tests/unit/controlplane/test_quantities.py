# SPDX-License-Identifier: Apache-2.0
"""Quantities come back as Kubernetes writes them, by every kind of write; large lists come packed to who takes that."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import apiextensions_v1, core_v1

from controlplane.http.gzip import accepts
from kube.canonical import canonical_quantities
from kube.quantity import parse
from kube.schema import schema_of
from tests.support.apiserver import Running

Json = dict[str, Any]

REQUESTS = {"cpu": "1000m", "memory": "1024Mi", "ephemeral-storage": "1.5Gi", "example.com/x": 2}
STORED = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1536Mi", "example.com/x": "2"}


def pod(name: str, **resources: Any) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {
            "containers": [{"name": "c", "image": "i", "resources": resources}],
            "initContainers": [{"name": "i", "image": "i", "resources": {"limits": {"cpu": "0.5"}}}],
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1048576Ki"}}],
        },
    }


def test_of_a_pod(api: Running, ns: str) -> None:
    made = api.post(f"{ns}/pods", pod("p", requests=REQUESTS, limits=REQUESTS))
    assert made.code == 201, made.body
    spec = made.json["spec"]
    assert spec["containers"][0]["resources"] == {"requests": STORED, "limits": STORED}
    assert spec["initContainers"][0]["resources"]["limits"] == {"cpu": "500m"}
    assert spec["volumes"][0]["emptyDir"] == {"sizeLimit": "1Gi"}
    assert api.get(f"{ns}/pods/p").json == made.json


def test_by_update_patch_and_apply(api: Running, ns: str) -> None:
    path = f"{ns}/resourcequotas/q"
    made = api.post(
        f"{ns}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"cpu": "2000m"}}}
    ).json
    assert made["spec"]["hard"] == {"cpu": "2"}
    made["spec"]["hard"] = {"memory": "0.5Gi"}
    assert api.put(path, made).json["spec"]["hard"] == {"memory": "512Mi"}
    patched = api.patch(path, {"spec": {"hard": {"pods": "1e3", "memory": None}}}).json
    assert patched["spec"]["hard"] == {"pods": "1e3"}
    applied = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "r"},
        "spec": {"hard": {"cpu": "3000m"}},
    }
    told = api.patch(f"{ns}/resourcequotas/r?fieldManager=me", applied, "apply-patch+yaml")
    assert (told.code, told.json["spec"]["hard"]) == (201, {"cpu": "3"})
    again = api.patch(f"{ns}/resourcequotas/r?fieldManager=me", applied, "apply-patch+yaml").json
    assert again["metadata"]["resourceVersion"] == told.json["metadata"]["resourceVersion"]
    status = {"status": {"hard": {"cpu": "3000m"}, "used": {"cpu": "100000u"}}}
    assert api.patch(f"{path}/status", status).json["status"]["used"] == {"cpu": "100m"}


@given(st.integers(-(10**12), 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "e3", "u"]))
def test_rewriting_keeps_the_amount_and_is_done_once(number: int, suffix: str) -> None:
    obj = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"x": f"{number}{suffix}"}}}]}}
    schema = schema_of(core_v1.Pod)
    once = canonical_quantities(schema, json.loads(json.dumps(obj)))
    text = once["spec"]["containers"][0]["resources"]["limits"]["x"]
    assert parse(text) == parse(f"{number}{suffix}")
    assert canonical_quantities(schema, json.loads(json.dumps(once))) == once


def test_types_that_lead_in_circles() -> None:
    obj = {
        "spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"cpu": {"default": "1000m"}}}}}]}
    }
    before = json.loads(json.dumps(obj))
    assert canonical_quantities(schema_of(apiextensions_v1.CustomResourceDefinition), obj) == before


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, gzip;q=0.5", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_who_takes_gzip(header: str, taken: bool) -> None:
    assert accepts(header) is taken


@pytest.mark.parametrize("size", [1, 40])
@pytest.mark.parametrize("accept", ["application/json", "application/yaml"])
def test_large_lists_are_packed(api: Running, ns: str, size: int, accept: str) -> None:
    for number in range(4):
        api.post(f"{ns}/configmaps", {"metadata": {"name": f"c{number}"}, "data": {"x": "y" * size * 10_000}})
    plain = api.get(f"{ns}/configmaps", Accept=accept)
    assert "Content-Encoding" not in plain.headers
    packed = api.get(f"{ns}/configmaps", Accept=accept, Accept_Encoding="gzip")
    if size == 1:
        assert "Content-Encoding" not in packed.headers
        assert packed.body == plain.body
        return
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) // 10
