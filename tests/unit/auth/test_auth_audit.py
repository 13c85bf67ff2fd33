# SPDX-License-Identifier: Apache-2.0
"""The audit log: what a line says, what never comes into it, and files that stay small."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from controlplane.auth.audit import AuditLog, Entry, Rotation, blanked, event_of
from controlplane.auth.audit_policy import DEFAULT, ResourceNames, Rule, logs
from controlplane.request import Attributes, Decision, User
from tests.support.rbac_objects import ask

EVE = User("eve", groups=("dev",))


def _entry(attributes: Attributes | None = None, **fields: Any) -> Entry:
    asked = attributes or ask(EVE, "get", "pods/log", namespace="shop", name="web")
    given: dict[str, Any] = {
        "uri": "/api/v1/namespaces/shop/pods/web/log?follow=true",
        "decision": Decision(allowed=True, reason="because"),
        "code": 200,
        "received": 1_800_000_000.25,
        "answered": 1_800_000_001.0,
        "source": "10.0.0.7",
        "agent": "kubectl",
    }
    return Entry(asked, **{**given, **fields})


def test_an_event_in_full() -> None:
    assert event_of(_entry(), "id-1") == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "id-1",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods/web/log?follow=true",
        "verb": "get",
        "user": {"username": "eve", "groups": ["dev"]},
        "sourceIPs": ["10.0.0.7"],
        "userAgent": "kubectl",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web", "subresource": "log"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2027-01-15T08:00:00.250000Z",
        "stageTimestamp": "2027-01-15T08:00:01.000000Z",
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "because",
        },
    }


def test_who_acts_as_whom() -> None:
    event = event_of(_entry(impersonator=User("boss")), "x")
    assert (event["user"]["username"], event["impersonatedUser"]["username"]) == ("boss", "eve")


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        (ask(EVE, "get", path="/healthz"), False),
        (ask(EVE, "get", path="/version"), False),
        (ask(EVE, "get", path="/metrics"), True),
        (ask(EVE, "update", "leases", group="coordination.k8s.io", name="n1"), False),
        (ask(EVE, "delete", "leases", group="coordination.k8s.io", name="n1"), True),
        (ask(EVE, "get", "secrets", name="x"), True),
    ],
)
def test_what_is_logged(asked: Attributes, logged: bool) -> None:
    assert logs(DEFAULT, asked) is logged


SECRETS = ResourceNames("", ("secrets", "pods/exec"))
POLICY = (
    Rule(logged=False, users=("bot",)),
    Rule(logged=True, resources=(SECRETS,), namespaces=("shop",)),
    Rule(logged=False, verbs=("get", "list")),
    Rule(logged=False, groups=("system:nodes",)),
    Rule(logged=False, paths=("/healthz*", "/metrics")),
    Rule(logged=True, resources=(ResourceNames("", ("*/status",)), ResourceNames("apps"))),
    Rule(logged=True, paths=("/logs/*",)),
)


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        (ask(EVE, "get", "secrets", namespace="shop"), True),
        (ask(EVE, "get", "secrets", namespace="other"), False),
        (ask(User("bot"), "get", "secrets", namespace="shop"), False),
        (ask(EVE, "create", "pods/exec", namespace="shop"), True),
        (ask(EVE, "create", "pods", namespace="shop"), False),
        (ask(EVE, "create", "deployments", group="apps"), True),
        (ask(User("n", groups=("system:nodes",)), "create", "deployments", group="apps"), False),
        (ask(EVE, "update", "nodes/status"), True),
        (ask(EVE, "post", path="/healthz/ping"), False),
        (ask(EVE, "post", path="/logs/a"), True),
        (ask(EVE, "post", path="/other"), False),
    ],
)
def test_the_first_rule_that_is_about_it_decides(asked: Attributes, logged: bool) -> None:
    assert logs(POLICY, asked) is logged


def test_secrets_in_a_query_are_blanked() -> None:
    assert blanked("/a?token=abc&x=1&Access_Token=q") == "/a?token=&x=1&Access_Token="
    assert blanked("/a?x=%2F&y") == "/a?x=%2F&y"


def _lines(path: Path) -> list[str]:
    return [json.loads(line)["objectRef"]["name"] for line in path.read_text().splitlines()]


def test_files_are_turned_when_full_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.log"
    one = len(json.dumps(event_of(_entry(), "x" * 36), separators=(",", ":"))) + 8
    log = AuditLog(path, Rotation(size=2 * one, keep=2))
    for number in range(8):
        log.write(_entry(ask(EVE, "get", "pods", namespace="shop", name=f"p{number:04}")))
    log.close()
    assert path.stat().st_mode & 0o777 == 0o600
    names = {file.name: _lines(file) for file in path.parent.iterdir()}
    assert names == {
        "audit.log": ["p0006", "p0007"],
        "audit.log.1": ["p0004", "p0005"],
        "audit.log.2": ["p0002", "p0003"],
    }
    again = AuditLog(path, Rotation(size=2 * one, keep=0))
    for number in (8, 9):
        again.write(_entry(ask(EVE, "get", "pods", namespace="shop", name=f"p{number:04}")))
    again.close()
    assert len(_lines(path)) <= 2


def test_a_log_that_cannot_be_written_costs_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    log = AuditLog(tmp_path / "file" / "audit.log")
    with caplog.at_level(logging.ERROR):
        log.write(_entry())
        log.write(_entry())
    assert log.lost == 2
    assert len(caplog.records) == 1
    log.close()
