# SPDX-License-Identifier: Apache-2.0
"""Formats, tags and refusals of the OpenAPI endpoints."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import ApiError
from controlplane.openapi import OpenApi
from controlplane.openapi.accept import accepts
from controlplane.openapi.text import pack
from controlplane.registry import Registry, default_registry
from controlplane.registry.core import configmaps

SMALL = OpenApi(Registry([configmaps.RESOURCE]))
V1 = "/openapi/v3/api/v1"
JSON = "application/json"


def test_a_document_is_sent_once() -> None:
    status, headers, body = SMALL.answer(V1, JSON)
    assert status == 200
    assert json.loads(body)["openapi"] == "3.0.0"
    for tag in (headers["ETag"], f'"other", W/{headers["ETag"]}', "*"):
        status, again, nothing = SMALL.answer(V1, JSON, tag)
        assert (status, again["ETag"], nothing) == (304, headers["ETag"], b"")
    assert SMALL.answer(V1, JSON, '"other"')[0] == 200


def test_the_tag_follows_the_content() -> None:
    same = OpenApi(Registry([configmaps.RESOURCE])).answer(V1, JSON)
    assert same[1]["ETag"] == SMALL.answer(V1, JSON)[1]["ETag"]
    assert OpenApi(default_registry()).answer(V1, JSON)[1]["ETag"] != same[1]["ETag"]


def test_gzip_for_those_who_take_it() -> None:
    _, headers, packed = SMALL.answer(V1, JSON, accept_encoding="deflate, gzip")
    assert headers["Content-Encoding"] == "gzip"
    _, plain_headers, plain = SMALL.answer(V1, JSON)
    assert "Content-Encoding" not in plain_headers
    assert gzip.decompress(packed) == plain


@pytest.mark.parametrize("accept", ["", "*/*", "application/*", "text/plain, application/json;q=0.5"])
def test_json_for_whoever_takes_it(accept: str) -> None:
    assert SMALL.answer(V1, accept)[1]["Content-Type"] == JSON


def test_what_is_not_there_and_what_is_not_spoken() -> None:
    with pytest.raises(ApiError) as missing:
        SMALL.answer("/openapi/v3/apis/apps/v1", JSON)
    assert (missing.value.code, missing.value.reason) == (404, "NotFound")
    with pytest.raises(ApiError) as refused:
        SMALL.answer(V1, "text/html")
    assert (refused.value.code, refused.value.reason) == (406, "NotAcceptable")


def test_a_slash_at_the_end_means_the_same() -> None:
    assert SMALL.answer(f"{V1}/", JSON) == SMALL.answer(V1, JSON)
    assert SMALL.answer("/openapi/v3/", JSON) == SMALL.answer("/openapi/v3", JSON)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "a/x"),
        ("*/*", "a/x"),
        ("b/y", "b/y"),
        ("b/y, a/x", "b/y"),
        ("b/y;q=0.1, a/x", "a/x"),
        ("b/*", "b/y"),
        ("A/X", "a/x"),
        ("a/x;q=0, */*", "b/y"),
        ("a/x;q=0", ""),
        ("c/z", ""),
        ("b/y;q=nonsense", "b/y"),
        (",;,", "a/x"),
    ],
)
def test_the_best_of_what_is_accepted(header: str, chosen: str) -> None:
    assert accepts(header, ("a/x", "b/y")) == chosen


@given(st.text(alphabet='abxy/*;q=,. 01"', max_size=40))
def test_any_header_gets_an_offer_or_none(header: str) -> None:
    assert accepts(header, ("a/x", "b/y")) in ("a/x", "b/y", "")


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_texts_in_pieces_come_back_whole(pieces: list[bytes]) -> None:
    packed = pack(pieces)
    assert packed.unpacked() == b"".join(pieces)
    assert packed == pack([b"".join(pieces)]) or packed.hash == pack([b"".join(pieces)]).hash
