# SPDX-License-Identifier: Apache-2.0
"""Whatever a client sends, the answer is a Status below 500, and soon."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.errors import ApiError
from controlplane.http.body import MAX_BODY, decode_json, decode_yaml
from controlplane.http.media import negotiate
from controlplane.http.path import parse_resource
from controlplane.verbs.continuation import Position, parse_token
from controlplane.verbs.fields import parse_fields
from controlplane.verbs.labels import parse_labels
from tests.support.apiserver import Answer, Running

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PATHS = (
    "api apis v1 apps namespaces default pods configmaps x status scale exec %00 %ff %2F .. . nodes proxy "
    "healthz openapi log eviction binding"
)
PARTS = st.sampled_from(PATHS.split())
TYPES = ["json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 63), 1 << 63), st.floats(allow_nan=False), st.text()
)
FIELDS = (
    "apiVersion kind metadata name labels data spec status finalizers op path value $patch uid "
    "ownerReferences annotations resourceVersion containers ports"
)
NAMES = st.sampled_from(FIELDS.split())
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, st.text(max_size=5)), inner, max_size=5)
    ),
    max_leaves=20,
)


def is_refusal_or_answer(answer: Answer, method: str = "") -> None:
    assert answer.code < 500, answer.body
    if answer.code >= 400 and method != "HEAD":
        status = json.loads(answer.body)
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", answer.code)


@settings(max_examples=150)
@given(st.sampled_from(METHODS), st.lists(st.one_of(PARTS, st.just("")), max_size=8), st.text(max_size=8))
def test_paths(api: Running, method: str, parts: list[str], query: str) -> None:
    path = "/" + "/".join(parts)
    if "pods" in parts and parts[-1] in ("exec", "log", "proxy"):
        path += "x"
    encoded = "".join(f"%{byte:02x}" for byte in query.encode("utf-8", "replace"))
    answer = api.call(method, f"{path}?labelSelector={encoded}&timeoutSeconds=1&limit=5")
    is_refusal_or_answer(answer, method)


@settings(max_examples=150)
@given(DATA)
def test_bodies(api: Running, data: Any) -> None:
    for path in (
        CONFIGMAPS,
        "/api/v1/namespaces/default/pods",
        "/apis/apps/v1/namespaces/default/deployments",
    ):
        is_refusal_or_answer(api.post(f"{path}?dryRun=All", data))
    is_refusal_or_answer(api.put(f"{CONFIGMAPS}/fuzz", data))
    is_refusal_or_answer(api.delete(f"{CONFIGMAPS}/fuzz", data))


@settings(max_examples=150)
@given(DATA, st.sampled_from(TYPES))
def test_patches(api: Running, data: Any, kind: str) -> None:
    body = {"metadata": {"name": "patched"}, "data": {"a": "b"}}
    api.post(CONFIGMAPS, body)
    for patch in (data, [data], {"metadata": data}, {"data": data}):
        path = f"{CONFIGMAPS}/patched?dryRun=All&fieldManager=fuzz"
        is_refusal_or_answer(api.patch(path, patch, kind))


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), DATA, max_size=3))
def test_parts_of_a_pod(api: Running, parts: dict[str, Any]) -> None:
    pod = {"metadata": {"generateName": "f-"}, "spec": {"containers": [{"name": "c", "image": "i"}]}, **parts}
    is_refusal_or_answer(api.post("/api/v1/namespaces/default/pods?dryRun=All", pod))
    service = {"metadata": {"generateName": "f-"}, "spec": {"ports": [{"port": 1}]}, **parts}
    is_refusal_or_answer(api.post("/api/v1/namespaces/default/services?dryRun=All", service))


@settings(max_examples=60)
@given(st.binary(max_size=60), st.sampled_from(["json", "yaml", "vnd.kubernetes.protobuf", "x", ""]))
def test_raw_bodies(api: Running, data: bytes, kind: str) -> None:
    is_refusal_or_answer(api.call("POST", CONFIGMAPS, data, content_type=f"application/{kind}"))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"data":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"metadata":{"name":"\xff\xfe"}}',
        b'{"metadata":{"name":"\\ud800"}}',
        b'{"metadata":{"name":"a"},"data":{"a":1e999}}',
        b"",
        b"null",
        b'"x"',
        b"\x00" * 100,
    ],
)
def test_bombs_and_broken_text(api: Running, body: bytes) -> None:
    answer = api.post(CONFIGMAPS, body)
    assert answer.code == 400
    is_refusal_or_answer(answer)
    is_refusal_or_answer(api.call("POST", CONFIGMAPS, body, content_type="application/yaml"))
    for kind in TYPES:
        is_refusal_or_answer(api.patch(f"{CONFIGMAPS}/none", body, kind))


@pytest.mark.parametrize("levels", [100, 190, 300, 900])
def test_deep_objects_within_what_decodes(api: Running, levels: int) -> None:
    deep: Any = "x"
    for _ in range(levels):
        deep = {"a": deep}
    body = {"metadata": {"generateName": "deep-"}, "revision": 1, "data": deep}
    path = "/apis/apps/v1/namespaces/default/controllerrevisions"
    is_refusal_or_answer(api.post(path, body))


def test_yaml_bombs(api: Running) -> None:
    grown = [
        f"{name}: &{name} [*{last},*{last},*{last},*{last},*{last}]" for last, name in pairwise("abcdefghi")
    ]
    bomb = "\n".join(["a: &a [x,x,x,x,x,x]", *grown])
    answer = api.call("POST", CONFIGMAPS, bomb.encode(), content_type="application/yaml")
    assert (answer.code, "aliases" in answer.json["message"]) == (400, True)


def test_oversize_bodies_are_413(api: Running) -> None:
    answer = api.post(CONFIGMAPS, {"metadata": {"name": "a"}, "data": {"x": "x" * (MAX_BODY + 1)}})
    assert (answer.code, answer.json["reason"]) == (413, "RequestEntityTooLarge")


def test_unknown_content_types_are_415(api: Running) -> None:
    answer = api.call("POST", CONFIGMAPS, b"{}", content_type="text/html")
    assert (answer.code, answer.json["reason"]) == (415, "UnsupportedMediaType")


def refuses_at_most_with(code: int, parse: Callable[[], object]) -> None:
    refusals = []
    try:
        parse()
    except ApiError as error:
        refusals.append(error.code)
    assert refusals in ([], [code])


@given(st.text(max_size=40))
def test_selectors_parse_or_refuse(text: str) -> None:
    refuses_at_most_with(400, lambda: parse_labels(text))
    refuses_at_most_with(400, lambda: parse_fields(text))


@given(st.text(max_size=60))
def test_accept_headers_parse_or_refuse(text: str) -> None:
    refuses_at_most_with(406, lambda: negotiate(text))


@given(st.text(max_size=60))
def test_tokens_and_paths_parse_or_refuse(text: str) -> None:
    refuses_at_most_with(400, lambda: parse_token(text))
    refuses_at_most_with(400, lambda: parse_resource("/" + text))


@given(
    st.integers(1, 1 << 60),
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
def test_tokens_come_back(revision: int, start: str) -> None:
    assert parse_token(Position(revision, start).to_token()) == Position(revision, start)


@given(st.binary(max_size=80))
def test_decoders_decode_or_refuse(data: bytes) -> None:
    refuses_at_most_with(400, lambda: decode_json(data))
    refuses_at_most_with(400, lambda: decode_yaml(data))
