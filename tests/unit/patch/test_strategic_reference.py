# SPDX-License-Identifier: Apache-2.0
"""Random strategic merge patches: against a slow restatement of the rules, and against kubectl where there is one.

`kubectl patch --local` runs the merge of Kubernetes itself, offline.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightkube.models import core_v1

from controlplane.patch.plain import clone
from controlplane.patch.strategic import apply_strategic_patch
from kube.schema import schema_of

Json = dict[str, Any]
POD = schema_of(core_v1.Pod)
KEYS = {"containers": "name", "env": "name", "ports": "containerPort", "volumes": "name"}
SETS = ("finalizers",)

NAMES = st.sampled_from("abcd")
WORDS = st.sampled_from("xyz")
PORTS = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([80, 81]), "protocol": st.sampled_from(["TCP", "UDP"])}
)
ENV = st.fixed_dictionaries({"name": NAMES, "value": WORDS})


def by_name(items: st.SearchStrategy[Json], least: int = 0) -> st.SearchStrategy[list[Json]]:
    return st.lists(items, unique_by=lambda item: item["name"], min_size=least, max_size=4)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


CONTAINER = {
    "image": WORDS,
    "env": by_name(ENV, 1),
    "ports": st.lists(PORTS, min_size=1, max_size=2),
    "args": st.lists(WORDS, min_size=1, max_size=2),
}
CONTAINERS = st.fixed_dictionaries({"name": NAMES}, optional=CONTAINER)
LIVE = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.just("p")},
            optional={
                "labels": st.dictionaries(NAMES, WORDS, min_size=1, max_size=3),
                "finalizers": st.lists(WORDS, unique=True, min_size=1),
            },
        ),
        "spec": st.fixed_dictionaries(
            {"containers": by_name(CONTAINERS, 1)},
            optional={"securityContext": st.just({"runAsUser": 1, "fsGroup": 2})},
        ),
    }
)
DELETED = st.fixed_dictionaries({"name": NAMES, "$patch": st.just("delete")})
PATCHED = st.fixed_dictionaries({"name": NAMES}, optional={**CONTAINER, "image": st.none() | WORDS})


@st.composite
def patches(draw: st.DrawFn) -> Json:
    containers = draw(by_name(PATCHED | DELETED))
    spec: Json = {"containers": containers} if containers else {}
    if draw(st.booleans()):
        named = [item["name"] for item in containers if "$patch" not in item]
        gone = [item["name"] for item in containers if "$patch" in item]
        spec["$setElementOrder/containers"] = [
            {"name": name} for name in interleaved(draw, named, [name for name in "abcd" if name not in gone])
        ]
    if draw(st.booleans()):
        spec["securityContext"] = draw(st.sampled_from([None, {"fsGroup": None}, {"fsGroup": 5}]))
    metadata = draw(
        maybe(finalizers=st.lists(WORDS, unique=True), labels=st.dictionaries(NAMES, WORDS | st.none()))
    )
    if draw(st.booleans()):
        kept = metadata.get("finalizers", [])
        metadata["$deleteFromPrimitiveList/finalizers"] = [
            word for word in "xyz" if word not in kept and draw(st.booleans())
        ]
    return {"metadata": metadata, "spec": spec}


def interleaved(draw: st.DrawFn, named: list[str], all_names: list[str]) -> list[str]:
    order = list(named)
    for name in all_names:
        if name not in order and draw(st.booleans()):
            order.insert(draw(st.integers(0, len(order))), name)
    return order


def reference(live: Any, patch: Json) -> Any:
    """The rules again, one pass each, without schema, positions or sharing."""
    result = clone(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        kind, _, field = name.rpartition("/")
        if kind == "$deleteFromPrimitiveList" and field in result:
            result[field] = [item for item in result[field] if item not in value]
        elif value is None:
            result.pop(name, None)
        elif not kind and not name.startswith("$"):
            result[name] = reference_member(
                result.get(name), name, value, patch.get(f"$setElementOrder/{name}")
            )
    for name, order in patch.items():
        kind, _, field = name.rpartition("/")
        if kind == "$setElementOrder" and field not in patch and field in result:
            result[field] = reference_list(result[field], [], KEYS[field], order)
    return result


def reference_member(live: Any, name: str, value: Any, order: list[Json] | None) -> Any:
    if isinstance(value, list) and isinstance(live, list) and name in KEYS:
        return reference_list(live, value, KEYS[name], order)
    if isinstance(value, list) and isinstance(live, list) and name in SETS:
        return placed(live + [item for item in value if item not in live], value, live, lambda item: item)
    if isinstance(value, dict):
        return reference(live, value)
    if isinstance(value, list):
        return [stripped(item) for item in value if "$patch" not in item]
    return value


def stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if item is not None}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def reference_list(live: list[Json], patch: list[Json], key: str, order: list[Json] | None) -> list[Json]:
    gone = [item[key] for item in patch if item.get("$patch") == "delete"]
    result = [clone(item) for item in live if item[key] not in gone]
    for item in patch:
        if "$patch" in item:
            continue
        same = [place for place, other in enumerate(result) if other[key] == item[key]]
        if same:
            result[same[0]] = reference(result[same[0]], item)
        else:
            result.append(stripped(item))
    wanted = [item[key] for item in (order if order is not None else patch) if "$patch" not in item]
    return placed(result, wanted, [item[key] for item in live], lambda item: item[key])


def placed(items: list[Any], wanted: list[Any], live: list[Any], key: Any) -> list[Any]:
    """Wanted items in their order; each other one, in live order, is put before the first that was behind it."""
    result = [item for name in dict.fromkeys(wanted) for item in items if key(item) == name]
    start = 0
    for item in (
        item for name in dict.fromkeys(live) for item in items if key(item) == name and name not in wanted
    ):
        mine = live.index(key(item))
        behind = [
            at
            for at in range(start, len(result))
            if key(result[at]) in live and live.index(key(result[at])) > mine
        ]
        start = behind[0] if behind else len(result)
        result.insert(start, item)
        start += 1
    return result


@given(LIVE, patches())
def test_against_the_rules_again(live: Json, patch: Json) -> None:
    assert apply_strategic_patch(POD, live, patch) == reference(live, patch)


def without_empties(value: Any) -> Any:
    """Kubernetes leaves out what is empty when it writes; inner parts first."""
    if isinstance(value, dict):
        kept = {key: without_empties(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [])}
    return [without_empties(item) for item in value] if isinstance(value, list) else value


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(live=LIVE, patch=patches())
def test_against_kubectl(tmp_path: Path, live: Json, patch: Json) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **live}
    manifest = tmp_path / "pod.json"
    manifest.write_text(json.dumps(pod))
    asked = ["kubectl", "patch", "--local", "--type=strategic", "--output=json", f"--filename={manifest}"]
    environment = {"HOME": str(tmp_path), "KUBECONFIG": "/dev/null", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    told = subprocess.run(
        [*asked, f"--patch={json.dumps(patch)}"], capture_output=True, check=True, env=environment, timeout=60
    )
    theirs = json.loads(told.stdout)
    theirs["metadata"].pop("creationTimestamp", None)
    assert without_empties(apply_strategic_patch(POD, pod, patch)) == without_empties(theirs)
