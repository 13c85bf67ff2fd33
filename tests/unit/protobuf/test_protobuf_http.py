# SPDX-License-Identifier: Apache-2.0
"""Protobuf bodies through the whole API server: stored like JSON ones, validated like them, refused with a Status."""

from collections.abc import Iterator

import pytest

from controlplane.http.resources import Resources
from controlplane.http.server import ApiServer
from controlplane.protobuf import MEDIA_TYPE, decode
from tests.support.apiserver import Answer, Running, running
from tests.support.kube_proto import MAGIC, chunk, encode, envelope, number

MAPS = "/api/v1/namespaces/default/configmaps"


def read_protobuf(server: ApiServer) -> None:
    server._resources = Resources(server.engine, server.streams, decode)


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    with running(prepare=read_protobuf) as server:
        yield server


def post(api: Running, body: bytes, query: str = "") -> Answer:
    return api.call("POST", MAPS + query, body, content_type=MEDIA_TYPE)


def config(name: str, extra: bytes = b"") -> bytes:
    obj = {"metadata": {"name": name}, "data": {"a": "b"}}
    return envelope("v1", "ConfigMap", encode("core_v1.ConfigMap", obj) + extra)


def test_an_object_is_stored_as_if_it_came_as_json(api: Running) -> None:
    made = post(api, config("proto"))
    assert made.code == 201
    as_json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"a": "b"}}
    other = api.post(MAPS, as_json).json
    kept = api.get(f"{MAPS}/proto").json
    assert set(kept["metadata"]) == set(other["metadata"])
    assert {key: value for key, value in kept.items() if key != "metadata"} == {
        key: value for key, value in other.items() if key != "metadata"
    }


def test_unknown_fields_are_what_the_client_wants_them_to_be(api: Running) -> None:
    body = config("strict", number(99, 1))
    refused = post(api, body, "?fieldValidation=Strict")
    assert refused.code == 400
    assert 'unknown field "[protobuf field 99]"' in refused.json["message"]
    warned = post(api, body, "?fieldValidation=Warn")
    assert (warned.code, "protobuf field 99" in warned.headers["Warning"]) == (201, True)
    assert set(warned.json) == {"apiVersion", "kind", "metadata", "data"}


def test_options_of_a_delete(api: Running) -> None:
    assert post(api, config("gone")).code == 201
    wrong = encode("meta_v1.DeleteOptions", {"preconditions": {"uid": "another"}})
    options = envelope("v1", "DeleteOptions", wrong)
    assert api.call("DELETE", f"{MAPS}/gone", options, content_type=MEDIA_TYPE).code == 409
    assert api.get(f"{MAPS}/gone").code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400),
        (b"{}", 400),
        (MAGIC + b"\xff" * 50, 400),
        (config("cut")[:-3], 400),
        (envelope("v1", "ConfigMap", chunk(2, b"\xff")), 400),
        (envelope("v1", "Secret", b""), 400),
        (envelope("v1", "Gizmo", b""), 415),
    ],
)
def test_refusals_are_a_status(api: Running, body: bytes, code: int) -> None:
    refused = post(api, body)
    assert refused.code == code
    assert refused.json["kind"] == "Status"
