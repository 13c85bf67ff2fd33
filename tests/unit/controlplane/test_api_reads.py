# SPDX-License-Identifier: Apache-2.0
"""get, list and watch over HTTP."""

import json
import socket
from typing import Any

import pytest

from tests.support.apiserver import Running

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def add(api: Running, ns: str, name: str, **labels: str) -> dict[str, Any]:
    made = api.post(f"{ns}/configmaps", {"metadata": {"name": name, "labels": labels}, "data": {"k": name}})
    assert made.code == 201, made.body
    return made.json


def names(found: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in found["items"]]


def test_what_create_answers_is_what_get_and_list_and_watch_tell(api: Running, ns: str) -> None:
    made = add(api, ns, "a")
    revision = int(made["metadata"]["resourceVersion"])
    assert api.get(f"{ns}/configmaps/a").json == made
    assert api.get(f"{ns}/configmaps").json["items"] == [made]
    with api.watch(f"{ns}/configmaps?watch=true&resourceVersion={revision - 1}") as events:
        assert next(events) == {"type": "ADDED", "object": made}


def test_missing_object_is_a_status(api: Running, ns: str) -> None:
    answer = api.get(f"{ns}/configmaps/none")
    assert answer.code == 404
    assert answer.json["reason"] == "NotFound"
    assert answer.json["message"] == 'configmaps "none" not found'
    assert answer.json["details"] == {"name": "none", "kind": "configmaps"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a", "b"]),
        ("tier==web,zone!=x", ["b"]),
        ("tier in (web,db)", ["a", "b", "c"]),
        ("tier notin (web)", ["c", "d"]),
        ("!tier", ["d"]),
        ("tier", ["a", "b", "c"]),
        ("zone in (x), tier", ["a"]),
        ("size>3", ["c"]),
    ],
)
def test_label_selectors(api: Running, ns: str, selector: str, expected: list[str]) -> None:
    add(api, ns, "a", tier="web", zone="x")
    add(api, ns, "b", tier="web")
    add(api, ns, "c", tier="db", size="4")
    add(api, ns, "d", size="3")
    found = api.get(f"{ns}/configmaps?labelSelector={selector.replace(' ', '%20').replace('>', '%3E')}")
    assert names(found.json) == expected


@pytest.mark.parametrize("selector", ["a b", "a in", "=x", "a=(", "a>x", ",", "a,,b", "-a=b", "a in (b"])
def test_bad_label_selectors_are_400(api: Running, ns: str, selector: str) -> None:
    answer = api.get(f"{ns}/configmaps?labelSelector={selector.replace(' ', '%20').replace('>', '%3E')}")
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


def test_field_selectors(api: Running, ns: str) -> None:
    add(api, ns, "a")
    add(api, ns, "ab")
    assert names(api.get(f"{ns}/configmaps?fieldSelector=metadata.name%3Da").json) == ["a"]
    assert names(api.get(f"{ns}/configmaps?fieldSelector=metadata.name!%3Da").json) == ["ab"]
    refused = api.get(f"{ns}/configmaps?fieldSelector=spec.x%3Da")
    assert (refused.code, refused.json["message"]) == (400, "field label not supported: spec.x")


def test_pages_are_one_snapshot(api: Running, ns: str) -> None:
    for name in "abcde":
        add(api, ns, name)
    first = api.get(f"{ns}/configmaps?limit=2").json
    assert names(first) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    add(api, ns, "bb")
    api.delete(f"{ns}/configmaps/c")
    second = api.get(f"{ns}/configmaps?limit=2&continue={first['metadata']['continue']}").json
    assert names(second) == ["c", "d"]
    third = api.get(f"{ns}/configmaps?limit=2&continue={second['metadata']['continue']}").json
    assert names(third) == ["e"]
    assert "continue" not in third["metadata"]
    revisions = {page["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert len(revisions) == 1


def test_pages_with_a_selector_are_full_and_do_not_count_the_rest(api: Running, ns: str) -> None:
    for number in range(9):
        add(api, ns, f"m{number}", odd=str(number % 2))
    first = api.get(f"{ns}/configmaps?limit=2&labelSelector=odd%3D1").json
    assert names(first) == ["m1", "m3"]
    assert "remainingItemCount" not in first["metadata"]
    second = api.get(
        f"{ns}/configmaps?limit=2&labelSelector=odd%3D1&continue={first['metadata']['continue']}"
    ).json
    assert names(second) == ["m5", "m7"]


@pytest.mark.parametrize("token", ["x", "e30", "bnVsbA", "ýÿ".encode().hex()])
def test_bad_continue_tokens_are_400(api: Running, ns: str, token: str) -> None:
    assert api.get(f"{ns}/configmaps?limit=1&continue={token}").code == 400


def test_resource_versions_of_lists(api: Running, ns: str) -> None:
    made = add(api, ns, "a")
    then = made["metadata"]["resourceVersion"]
    add(api, ns, "b")
    exact = api.get(f"{ns}/configmaps?resourceVersion={then}&resourceVersionMatch=Exact").json
    assert (names(exact), exact["metadata"]["resourceVersion"]) == (["a"], then)
    assert names(api.get(f"{ns}/configmaps?resourceVersion={then}").json) == ["a", "b"]
    assert names(api.get(f"{ns}/configmaps?resourceVersion=0").json) == ["a", "b"]
    future = api.get(f"{ns}/configmaps?resourceVersion=999999999")
    assert (future.code, future.json["reason"]) == (504, "Timeout")
    assert future.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert api.get(f"{ns}/configmaps?resourceVersion=abc").code == 400
    assert api.get(f"{ns}/configmaps?resourceVersionMatch=Exact").code == 422
    assert api.get(f"{ns}/configmaps?resourceVersion=0&resourceVersionMatch=Exact").code == 422


def test_watch_tells_a_selector_what_enters_and_leaves(api: Running, ns: str) -> None:
    start = api.get(f"{ns}/configmaps").json["metadata"]["resourceVersion"]
    with api.watch(f"{ns}/configmaps?watch=1&resourceVersion={start}&labelSelector=on%3Dyes") as events:
        add(api, ns, "a")
        entered = api.patch(f"{ns}/configmaps/a", {"metadata": {"labels": {"on": "yes"}}}).json
        assert next(events) == {"type": "ADDED", "object": entered}
        changed = api.patch(f"{ns}/configmaps/a", {"data": {"k": "2"}}).json
        assert next(events) == {"type": "MODIFIED", "object": changed}
        left = api.patch(f"{ns}/configmaps/a", {"metadata": {"labels": None}}).json
        event = next(events)
        assert event["type"] == "DELETED"
        assert event["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
        assert event["object"]["metadata"]["labels"] == {"on": "yes"}


def test_deleted_event_has_the_revision_of_the_deletion(api: Running, ns: str) -> None:
    made = add(api, ns, "a")
    with api.watch(
        f"{ns}/configmaps?watch=1&resourceVersion={made['metadata']['resourceVersion']}"
    ) as events:
        api.delete(f"{ns}/configmaps/a")
        event = next(events)
        assert event["type"] == "DELETED"
        assert int(event["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
        now = api.get(f"{ns}/configmaps").json["metadata"]["resourceVersion"]
        assert int(event["object"]["metadata"]["resourceVersion"]) <= int(now)


def test_watch_without_revision_begins_with_what_is_there(api: Running, ns: str) -> None:
    add(api, ns, "a")
    add(api, ns, "b")
    with api.watch(f"{ns}/configmaps?watch=1&timeoutSeconds=1") as events:
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in events] == [
            ("ADDED", "a"),
            ("ADDED", "b"),
        ]


def test_initial_events_end_with_a_bookmark(api: Running, ns: str) -> None:
    add(api, ns, "a")
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    with api.watch(f"{ns}/configmaps?{query}") as events:
        assert next(events)["type"] == "ADDED"
        end = next(events)
        assert end["type"] == "BOOKMARK"
        assert end["object"]["kind"] == "ConfigMap"
        assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        made = add(api, ns, "b")
        assert next(events)["object"] == made


def test_watch_ends_at_its_time_with_a_bookmark(api: Running, ns: str) -> None:
    start = add(api, ns, "a")["metadata"]["resourceVersion"]
    path = f"{ns}/configmaps?watch=1&resourceVersion={start}&timeoutSeconds=2&allowWatchBookmarks=1"
    with api.watch(path) as events:
        elsewhere = api.post("/api/v1/namespaces", {"metadata": {"generateName": "other-"}}).json
        told = list(events)
    assert {event["type"] for event in told} == {"BOOKMARK"}
    last = told[-1]["object"]["metadata"]["resourceVersion"]
    assert int(last) >= int(elsewhere["metadata"]["resourceVersion"])


def test_watch_options_that_exclude_each_other_are_422(api: Running, ns: str) -> None:
    assert api.get(f"{ns}/configmaps?watch=1&sendInitialEvents=true").code == 422
    assert api.get(f"{ns}/configmaps?watch=1&resourceVersionMatch=Exact&resourceVersion=1").code == 422


def test_watch_from_forgotten_history_is_an_error_event(api: Running, ns: str) -> None:
    import asyncio

    for name in "abc":
        revision = add(api, ns, name)["metadata"]["resourceVersion"]
    compacting = api.server.engine.store.compact(int(revision))
    asyncio.run_coroutine_threadsafe(compacting, api.loop).result(10)
    with api.watch(f"{ns}/configmaps?watch=1&resourceVersion=1") as events:
        (event,) = events
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_tables_have_the_columns_of_the_kind(api: Running, ns: str) -> None:
    add(api, ns, "a")
    found = api.get(f"{ns}/configmaps", Accept=TABLE).json
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "Data", "Age"]
    (row,) = found["rows"]
    assert row["cells"][:2] == ["a", 1]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    one = api.get(f"{ns}/configmaps/a?includeObject=Object", Accept=TABLE).json
    assert one["rows"][0]["object"]["data"] == {"k": "a"}


def test_watched_tables_have_columns_once(api: Running, ns: str) -> None:
    add(api, ns, "a")
    add(api, ns, "b")
    with api.watch(f"{ns}/configmaps?watch=1", Accept=TABLE) as events:
        first, second = next(events), next(events)
    assert first["object"]["columnDefinitions"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "b"


def test_metadata_only(api: Running, ns: str) -> None:
    add(api, ns, "a")
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found = api.get(f"{ns}/configmaps", Accept=accept).json
    assert found["kind"] == "PartialObjectMetadataList"
    assert found["items"][0].keys() == {"kind", "apiVersion", "metadata"}


@pytest.mark.parametrize(
    "accept", ["text/html", "application/vnd.kubernetes.protobuf", "application/json;as=Foo"]
)
def test_unknown_forms_are_406(api: Running, ns: str, accept: str) -> None:
    answer = api.get(f"{ns}/configmaps", Accept=accept)
    assert (answer.code, answer.json["reason"]) == (406, "NotAcceptable")


def test_clients_that_take_json_too_get_json(api: Running, ns: str) -> None:
    answer = api.get(f"{ns}/configmaps", Accept="application/vnd.kubernetes.protobuf,application/json")
    assert answer.headers["Content-Type"] == "application/json"


def test_yaml_and_pretty(api: Running, ns: str) -> None:
    add(api, ns, "a")
    assert api.get(f"{ns}/configmaps/a", Accept="application/yaml").body.startswith(b"kind: ConfigMap\n")
    assert b'\n  "kind": "ConfigMap"' in api.get(f"{ns}/configmaps/a?pretty=true").body


def test_a_long_list_is_whole(api: Running, ns: str) -> None:
    for number in range(40):
        body = {"metadata": {"name": f"big{number:02}"}, "data": {"k": "x" * 20_000}}
        assert api.post(f"{ns}/configmaps", body).code == 201
    answer = api.get(f"{ns}/configmaps")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert names(json.loads(answer.body)) == [f"big{number:02}" for number in range(40)]


@pytest.mark.parametrize("query", ["", "?watch=1"])
def test_head_has_no_body(api: Running, ns: str, query: str) -> None:
    for number in range(4):
        big = {"metadata": {"name": f"big{number}"}, "data": {"a": "x" * 100_000}}
        assert api.post(f"{ns}/configmaps", big).code == 201
    said = f"HEAD {ns}/configmaps{query} HTTP/1.1\r\nHost: x\r\n\r\n"
    said += "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
        client.sendall(said.encode())
        told = b"".join(iter(lambda: client.recv(65536), b""))
    first, second, body = told.split(b"\r\n\r\n")
    assert (first[:12], second[:12], body) == (b"HTTP/1.1 200", b"HTTP/1.1 200", b"ok")
