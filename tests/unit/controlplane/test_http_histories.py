# SPDX-License-Identifier: Apache-2.0
"""Random histories over HTTP: each answer, list, page and watch is what a model of a dictionary says."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.store.sqlite.store import open_sqlite
from tests.support.apiserver import Running, running

NAMES = ("a", "b", "c", "d")
_NUMBERS = count(1)

Json = dict[str, Any]
# verb, name, value, how many revisions back
Step = tuple[str, str, str, int]
VERBS = "create create update update stale merge json apply delete delete deletecollection list pages old watch compact"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(VERBS.split()), st.sampled_from(NAMES), st.sampled_from("xyz"), st.integers(0, 8)
    ),
    max_size=30,
)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same server over two stores."""
    if request.param == "memory":
        with running() as server:
            yield server
        return
    path: Path = tmp_path_factory.mktemp("histories") / "store.db"
    with running(opener=lambda: open_sqlite(path)) as server:
        yield server


@dataclass(slots=True)
class Model:
    """What there should be: values by name, and every change with its revision."""

    begin: int
    values: dict[str, str] = field(default_factory=dict)
    changes: list[tuple[int, str, str, str]] = field(default_factory=list)
    oldest: int = 0

    def wrote(self, kind: str, name: str, value: str, revision: int) -> None:
        assert revision > self.newest, "revisions grow"
        self.changes.append((revision, kind, name, value))
        if kind == "DELETED":
            del self.values[name]
        else:
            self.values[name] = value

    @property
    def newest(self) -> int:
        return self.changes[-1][0] if self.changes else self.begin

    def revision(self, back: int) -> int:
        """The revision so many changes ago."""
        known = [self.begin, *(change[0] for change in self.changes)]
        return known[max(0, len(known) - 1 - back)]

    def as_of(self, revision: int) -> dict[str, str]:
        values: dict[str, str] = {}
        for _, kind, name, value in (change for change in self.changes if change[0] <= revision):
            if kind == "DELETED":
                del values[name]
            else:
                values[name] = value
        return values


class Player:
    """Plays steps on a server and on the model."""

    def __init__(self, api: Running) -> None:
        self.api = api
        namespace = f"history{next(_NUMBERS)}"
        assert api.post("/api/v1/namespaces", {"metadata": {"name": namespace}}).code == 201
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"
        self.model = Model(int(api.get(self.path).json["metadata"]["resourceVersion"]))

    def play(self, step: Step) -> None:
        verb, name, value, back = step
        getattr(self, f"do_{verb}")(name, value, back)

    def do_create(self, name: str, value: str, _back: int) -> None:
        answer = self.api.post(self.path, {"metadata": {"name": name}, "data": {"v": value}})
        if name in self.model.values:
            assert (answer.code, answer.json["reason"]) == (409, "AlreadyExists")
        else:
            self._wrote(answer, "ADDED", name, value, 201)

    def do_update(self, name: str, value: str, _back: int) -> None:
        answer = self.api.put(f"{self.path}/{name}", {"metadata": {"name": name}, "data": {"v": value}})
        self._changed(answer, name, value)

    def do_merge(self, name: str, value: str, _back: int) -> None:
        self._changed(self.api.patch(f"{self.path}/{name}", {"data": {"v": value}}), name, value)

    def do_json(self, name: str, value: str, _back: int) -> None:
        known = self.model.values.get(name, "")
        patch = [
            {"op": "test", "path": "/data/v", "value": known},
            {"op": "replace", "path": "/data/v", "value": value},
        ]
        self._changed(self.api.patch(f"{self.path}/{name}", patch, "json-patch+json"), name, value)

    def do_apply(self, name: str, value: str, _back: int) -> None:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"v": value}}
        answer = self.api.patch(f"{self.path}/{name}?fieldManager=m&force=true", config, "apply-patch+yaml")
        if name in self.model.values:
            revision = int(answer.json["metadata"]["resourceVersion"])
            # Applying what another manager wrote makes a new owner: a change without a new value.
            if revision != self.model.newest and revision not in [each[0] for each in self.model.changes]:
                self.model.wrote("MODIFIED", name, value, revision)
            assert answer.json["data"] == {"v": value}
        else:
            self._wrote(answer, "ADDED", name, value, 201)

    def do_stale(self, name: str, value: str, _back: int) -> None:
        body = {"metadata": {"name": name, "resourceVersion": str(self.model.begin)}, "data": {"v": value}}
        answer = self.api.put(f"{self.path}/{name}", body)
        expected = (409, "Conflict") if name in self.model.values else (404, "NotFound")
        assert (answer.code, answer.json["reason"]) == expected

    def do_delete(self, name: str, _value: str, _back: int) -> None:
        answer = self.api.delete(f"{self.path}/{name}")
        if name not in self.model.values:
            assert answer.code == 404
            return
        assert answer.code == 200
        self._deleted({name})

    def do_deletecollection(self, _name: str, _value: str, _back: int) -> None:
        assert self.api.delete(self.path).code == 200
        self._deleted(set(self.model.values))

    def do_list(self, _name: str, _value: str, _back: int) -> None:
        assert self._values(self.api.get(self.path).json) == self.model.values

    def do_pages(self, _name: str, _value: str, back: int) -> None:
        """A snapshot, whatever is written between its pages."""
        expected, items, token = dict(self.model.values), list[Json](), ""
        while True:
            page = self.api.get(f"{self.path}?limit=1&continue={token}").json
            items += page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                break
            self.do_create(NAMES[back % 4], "x", 0)
        assert self._values({"items": items}) == expected

    def do_old(self, _name: str, _value: str, back: int) -> None:
        revision = self.model.revision(back)
        answer = self.api.get(f"{self.path}?resourceVersion={revision}&resourceVersionMatch=Exact")
        if revision < self.model.oldest:
            assert (answer.code, answer.json["reason"]) == (410, "Expired")
        else:
            assert self._values(answer.json) == self.model.as_of(revision)

    def do_watch(self, _name: str, _value: str, back: int) -> None:
        after = self.model.revision(back)
        expected = [change for change in self.model.changes if change[0] > after]
        with self.api.watch(f"{self.path}?watch=1&resourceVersion={after}&timeoutSeconds=60") as events:
            if after < self.model.oldest:
                assert next(events)["object"]["code"] == 410
            else:
                assert [self._event(next(events)) for _ in expected] == expected

    def do_compact(self, _name: str, _value: str, back: int) -> None:
        revision = self.model.revision(back)
        compacting = self.api.server.engine.store.compact(revision)
        asyncio.run_coroutine_threadsafe(compacting, self.api.loop).result(60)
        self.model.oldest = max(self.model.oldest, revision)

    def _changed(self, answer: Any, name: str, value: str) -> None:
        if name not in self.model.values:
            assert answer.code == 404
        elif self.model.values[name] == value:
            assert answer.code == 200, answer.body
            # The same again is no change, unless somebody owns something by it.
            revision = int(answer.json["metadata"]["resourceVersion"])
            if revision > self.model.newest:
                self.model.wrote("MODIFIED", name, value, revision)
        else:
            self._wrote(answer, "MODIFIED", name, value, 200)

    def _wrote(self, answer: Any, kind: str, name: str, value: str, code: int) -> None:
        assert answer.code == code, answer.body
        assert answer.json["data"] == {"v": value}
        self.model.wrote(kind, name, value, int(answer.json["metadata"]["resourceVersion"]))

    def _deleted(self, gone: set[str]) -> None:
        """Deletions tell no revision: a watch does."""
        after = self.model.newest
        with self.api.watch(f"{self.path}?watch=1&resourceVersion={after}&timeoutSeconds=60") as events:
            for _ in range(len(gone)):
                revision, kind, name, value = self._event(next(events))
                assert (kind, value, name in gone) == ("DELETED", self.model.values[name], True)
                self.model.wrote(kind, name, value, revision)

    def _event(self, event: Json) -> tuple[int, str, str, str]:
        metadata = event["object"]["metadata"]
        return int(metadata["resourceVersion"]), event["type"], metadata["name"], event["object"]["data"]["v"]

    def _values(self, listed: Json) -> dict[str, str]:
        names = [item["metadata"]["name"] for item in listed["items"]]
        assert names == sorted(set(names))
        return {item["metadata"]["name"]: item["data"]["v"] for item in listed["items"]}


@settings(max_examples=20)
@given(STEPS)
def test_histories(api: Running, steps: list[Step]) -> None:
    player = Player(api)
    for step in steps:
        player.play(step)
    player.do_list("", "", 0)
    if not player.model.oldest:
        player.do_watch("", "", len(player.model.changes))
