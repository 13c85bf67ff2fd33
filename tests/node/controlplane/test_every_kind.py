# SPDX-License-Identifier: Apache-2.0
"""One object of every kind that is served: created, read, replaced, applied and deleted by kubectl, and kept whole."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.registry import default_registry
from tests.support.kubectl import Kubectl, kubectl_or_skip, served
from tests.support.minimal_objects import STORED, minimal

Json = dict[str, Any]

# They are made by their own verbs (certificates are requested with a key), or kept by controllers.
_ELSEWHERE = {"certificatesigningrequests"}
_NAMESPACE = "kinds"


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    kubectl_or_skip()
    with served(tmp_path_factory.mktemp("controlplane")) as client:
        client.run("create", "namespace", _NAMESPACE)
        client.run("wait", "sa/default", "-n", _NAMESPACE, "--for=create", "--timeout=60s")
        yield client


def objects() -> list[Json]:
    """One of every kind, under names of their own: two of the kinds are one store under two names."""
    found = []
    for key in STORED:
        group, _, plural = key
        resource = default_registry().find(*key)
        if resource is None or plural in _ELSEWHERE:
            continue
        made = minimal(key, resource.kind, f"web-{plural}-{group.partition('.')[0] or 'core'}-{key[1]}")
        if resource.namespaced:
            made["metadata"]["namespace"] = _NAMESPACE
        # Nothing runs, and no controller has reason to write.
        for path in ("replicas", "suspend"):
            if (
                plural in {"deployments", "replicasets", "statefulsets", "replicationcontrollers"}
                and path == "replicas"
            ):
                made["spec"]["replicas"] = 0
            if plural in {"jobs", "cronjobs"} and path == "suspend":
                made["spec"]["suspend"] = True
        if made["kind"] == "Event":
            for field in ("involvedObject", "regarding"):
                if field in made:
                    made[field]["namespace"] = _NAMESPACE
        found.append(made)
    return found


def as_list(items: list[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def spoken(item: Json) -> str:
    """As kubectl names an object: deployment.apps/web."""
    group = item["apiVersion"].rpartition("/")[0]
    kind = item["kind"].lower()
    return f"{kind}.{group}/{item['metadata']['name']}" if group else f"{kind}/{item['metadata']['name']}"


def without(item: Json, *names: str) -> Json:
    """Without what a write changes although nothing is changed."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in names}
    return {**item, "metadata": metadata}


def test_every_kind_lives_a_life(kubectl: Kubectl) -> None:
    wanted = objects()
    text = as_list(wanted)
    told = kubectl.run("create", "-f", "-", stdin=text).splitlines()
    assert [line for line in told if not line.startswith("Warning")] == [
        f"{spoken(item)} created" for item in wanted
    ]
    read: list[Json] = json.loads(kubectl.run("get", "-f", "-", "-o", "json", stdin=text))["items"]
    assert [spoken(item) for item in read] == [spoken(item) for item in wanted]
    for asked, found in zip(wanted, read, strict=True):
        assert holds(found, asked), f"{spoken(asked)} lost something:\n{asked}\n{found}"
    # What was read is accepted as it is, and changes nothing: no field is lost, renamed or refused on the way back.
    told = kubectl.run(
        "replace", "-f", "-", stdin=as_list([without(item, "resourceVersion") for item in read])
    ).splitlines()
    assert [line for line in told if not line.startswith("Warning")] == [
        f"{spoken(item)} replaced" for item in read
    ]
    again: list[Json] = json.loads(kubectl.run("get", "-f", "-", "-o", "json", stdin=text))["items"]
    for before, after in zip(read, again, strict=True):
        assert steady(after) == steady(before)
    # Lists and references that have one owner as a whole are others with their defaults than without: a conflict.
    told = kubectl.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text).splitlines()
    assert [line for line in told if not line.startswith("Warning")] == [
        f"{spoken(item)} serverside-applied" for item in wanted
    ]
    told = kubectl.run("delete", "--wait=false", "-f", "-", stdin=text).splitlines()
    assert len([line for line in told if " deleted" in line]) == len(wanted)


def steady(item: Json) -> Json:
    """What controllers do not write meanwhile."""
    kept = without(item, "resourceVersion", "managedFields", "annotations", "generation", "finalizers")
    return {key: value for key, value in kept.items() if key not in ("status", "subsets", "endpoints")}


def holds(found: Any, asked: Any) -> bool:
    """Whether all that was asked for is there; defaults may be more."""
    if isinstance(asked, dict):
        return isinstance(found, dict) and all(holds(found.get(key), value) for key, value in asked.items())
    if isinstance(asked, list):
        return len(found) >= len(asked) and all(
            any(holds(item, wanted) for item in found) for wanted in asked
        )
    return bool(found == asked)
