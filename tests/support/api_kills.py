# SPDX-License-Identifier: Apache-2.0
"""Kill the API server while many clients write and watch, again and again, and see that nobody was told a lie.

    python -m tests.support.api_kills FOLDER KILLS SEED

Each round kills the process (SIGKILL) after a random number of acknowledged writes and starts it again. Then every
acknowledged write is in the history once, at the revision that was told; what else is there is only what was under way;
the objects are what the history says; and watches that went on from where they broke have seen the same history,
without a loss and without a double. Prints one line of JSON.
"""

import json
import random
import sys
import threading
import time
import zlib
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from tests.support.apiclient import ApiClient
from tests.support.apiprocess import ApiProcess
from tests.support.wait import until

WRITERS: Final = 8
WATCHERS: Final = 3
KEYS: Final = 6
ROUND_ACKS: Final = 120
DELAY: Final = 0.02
PATH: Final = "/api/v1/namespaces/kills/configmaps"
BROKEN: Final = (OSError, HTTPException)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Write:
    """A change, as a writer asked for it or as a watch tells it; mark is of the value."""

    kind: str
    name: str
    mark: int


def write_of(event: Json) -> Write:
    obj = event["object"]
    return Write(event["type"], obj["metadata"]["name"], zlib.crc32(obj["data"]["value"].encode()))


@dataclass(slots=True)
class Round:
    """What the writers know when the server is gone."""

    acknowledged: dict[int, Write] = field(default_factory=dict)
    # Deletions that were acknowledged: their answer is a Status without a revision.
    deleted: list[Write] = field(default_factory=list)
    unsure: list[Write] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Watcher:
    """Follows the collection over restarts."""

    client: ApiClient
    revision: int
    told: dict[int, Write] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def follow(self, until_revision: int = 0) -> None:
        """Until that revision is seen; 0: until the connection breaks."""
        try:
            with self.client.watch(f"{PATH}?watch=1&resourceVersion={self.revision}") as events:
                for event in events:
                    if event["type"] == "ERROR":
                        self.faults.append(str(event))
                        return
                    self._take(event)
                    if until_revision and self.revision >= until_revision:
                        return
        except (*BROKEN, ValueError):
            # The last line may be cut off: it is told again.
            return

    def _take(self, event: Json) -> None:
        revision = int(event["object"]["metadata"]["resourceVersion"])
        if revision <= self.revision:
            self.faults.append(f"told {revision} after {self.revision}")
        self.revision = revision
        if event["object"]["metadata"]["name"].startswith("w"):
            self.told[revision] = write_of(event)


def write_for_ever(client: ApiClient, number: int, seed: int, objects: dict[str, Json], told: Round) -> None:
    """Until the connection breaks. objects: the writer's own, as they are."""
    chance = random.Random(seed)
    while True:
        name = f"w{number}-{chance.randrange(KEYS)}"
        value = chance.choice("abc") * chance.choice((10, 1000, 9000)) + str(chance.random())
        verb = "POST" if name not in objects else "DELETE" if chance.random() < 0.25 else "PUT"
        body = {"metadata": {"name": name}, "data": {"value": value}}
        kept = objects.get(name, body)["data"]["value"] if verb == "DELETE" else value
        kind = {"POST": "ADDED", "PUT": "MODIFIED", "DELETE": "DELETED"}[verb]
        write = Write(kind, name, zlib.crc32(kept.encode()))
        try:
            answer = client.call(
                verb, PATH if verb == "POST" else f"{PATH}/{name}", None if verb == "DELETE" else body
            )
        except BROKEN:
            told.unsure.append(write)
            return
        if answer.code not in (200, 201):
            told.refused.append(f"{verb} {name}: {answer.code} {answer.body[:200]!r}")
            return
        if verb == "DELETE":
            told.deleted.append(write)
            del objects[name]
        else:
            objects[name] = answer.json
            told.acknowledged[int(answer.json["metadata"]["resourceVersion"])] = write


class Campaign:
    """One server, its writers and watchers, and what is known of its history."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.process = ApiProcess(folder)
        self.process.start()
        self.admin = self.process.admin()
        made = self.admin.post("/api/v1/namespaces", {"metadata": {"name": "kills"}})
        assert made.code == 201, made.body
        begin = int(self.admin.get(PATH).json["metadata"]["resourceVersion"])
        self.reference = Watcher(self.process.admin(), begin)
        self.watchers = [Watcher(self.process.admin(), begin) for _ in range(WATCHERS)]
        self.objects: dict[str, Json] = {}
        self.acknowledged = 0
        self.unacknowledged = 0

    def round(self) -> None:
        """Write, kill, start again, verify."""
        told = Round()
        wanted = self.chance.randrange(ROUND_ACKS)
        threads = [threading.Thread(target=watcher.follow) for watcher in self.watchers]
        for number in range(WRITERS):
            own = {name: obj for name, obj in self.objects.items() if name.startswith(f"w{number}-")}
            arguments = (self.process.admin(), number, self.chance.randrange(1 << 30), own, told)
            threads.append(threading.Thread(target=write_for_ever, args=arguments))
        for thread in threads:
            thread.start()
        until(lambda: len(told.acknowledged) >= wanted or told.refused, 120)
        time.sleep(self.chance.random() * DELAY)
        self.process.kill()
        for thread in threads:
            thread.join(60)
            check(not thread.is_alive(), "a client hangs after the kill")
        self.admin.close()
        self.process.start()
        self._verify(told)

    def _verify(self, told: Round) -> None:
        check(not told.refused, f"refused: {told.refused}")
        before = self.reference.revision
        mark = {"metadata": {"name": "mark"}, "data": {"value": str(self.chance.random())}}
        answer = self.admin.put(f"{PATH}/mark", mark)
        if answer.code == 404:
            answer = self.admin.post(PATH, mark)
        newest = int(answer.json["metadata"]["resourceVersion"])
        for watcher in (self.reference, *self.watchers):
            watcher.follow(newest)
            check(not watcher.faults, f"a watch was told nonsense: {watcher.faults}")
            check(watcher.revision == newest, f"a watch is at {watcher.revision}, not at {newest}")
            check(watcher.told == self.reference.told, "two watches have seen two histories")
        history = {revision: write for revision, write in self.reference.told.items() if revision > before}
        self._compare(history, told)
        self._replay(history)

    def _compare(self, history: dict[int, Write], told: Round) -> None:
        for revision, write in told.acknowledged.items():
            check(history.get(revision) == write, f"{revision} was {write}, is {history.get(revision)}")
        others = [write for revision, write in sorted(history.items()) if revision not in told.acknowledged]
        for write in told.deleted:
            check(write in others, f"lost: {write}")
            others.remove(write)
        unsure = list(told.unsure)
        for write in others:
            check(write in unsure, f"nobody wrote {write}")
            unsure.remove(write)
        self.acknowledged += len(told.acknowledged) + len(told.deleted)
        self.unacknowledged += len(others)

    def _replay(self, history: dict[int, Write]) -> None:
        names = set(self.objects)
        for write in (history[revision] for revision in sorted(history)):
            (names.discard if write.kind == "DELETED" else names.add)(write.name)
        listed = self.admin.get(PATH).json["items"]
        self.objects = {o["metadata"]["name"]: o for o in listed if o["metadata"]["name"].startswith("w")}
        check(set(self.objects) == names, "the objects are not what the history says")
        for obj in self.objects.values():
            revision = int(obj["metadata"]["resourceVersion"])
            check(
                self.reference.told[revision].name == obj["metadata"]["name"], "an object of another revision"
            )


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(what)


def campaign(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Raises SystemExit with what was wrong."""
    running = Campaign(folder, seed)
    try:
        for number in range(kills):
            try:
                running.round()
            except SystemExit as error:
                raise SystemExit(f"seed {seed}, kill {number}: {error}") from error
    finally:
        running.process.kill()
    return {"kills": kills, "acknowledged": running.acknowledged, "others": running.unacknowledged}


def main(folder: Path, kills: int, seed: int) -> None:
    sys.stdout.write(json.dumps(campaign(folder, kills, seed)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
