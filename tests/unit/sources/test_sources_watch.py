# SPDX-License-Identifier: Apache-2.0
"""Following a real folder through inotify. The rescan is set far away, so that only events can be what is seen."""

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.sources import inotify
from agent.sources.events import FolderEvents
from agent.sources.manifests import watch
from agent.sources.model import PodKey, Snapshot

NEVER = 3600.0
DEADLINE = 20.0


def manifest(name: str = "web", image: str = "busybox:1") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n"
        f"spec:\n  containers:\n  - name: main\n    image: {image}\n"
    )


class Follower:
    """Takes snapshots as they come and waits for one of a kind."""

    def __init__(self, snapshots: AsyncIterator[Snapshot]) -> None:
        self._snapshots = snapshots
        self.seen: list[Snapshot] = []

    async def until(self, is_wanted: Callable[[Snapshot], bool]) -> Snapshot:
        async with asyncio.timeout(DEADLINE):
            while not (self.seen and is_wanted(self.seen[-1])):
                self.seen.append(await anext(self._snapshots))
        return self.seen[-1]

    async def until_names(self, *names: str) -> Snapshot:
        return await self.until(lambda snapshot: {key.name for key in snapshot.pods} == set(names))

    async def until_image(self, image: str, name: str = "web") -> Snapshot:
        return await self.until(lambda snapshot: image_of(snapshot, name) == image)


def image_of(snapshot: Snapshot, name: str = "web") -> str | None:
    pod = snapshot.pods.get(PodKey("default", name))
    return pod.pod.spec.containers[0].image if pod and pod.pod.spec else None


@asynccontextmanager
async def following(folder: Path, rescan_seconds: float = NEVER) -> AsyncIterator[Follower]:
    snapshots = watch(folder, node_name="node1", rescan_seconds=rescan_seconds)
    follower = Follower(snapshots)
    await follower.until(lambda _: True)
    try:
        yield follower
    finally:
        await snapshots.aclose()  # type: ignore[attr-defined]


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(test)


def test_write_change_and_delete(tmp_path: Path) -> None:
    async def body() -> None:
        async with following(tmp_path) as follower:
            assert follower.seen == [Snapshot()]
            (tmp_path / "web.yaml").write_text(manifest())
            await follower.until_image("busybox:1")
            (tmp_path / "web.yaml").write_text(manifest(image="busybox:2"))
            await follower.until_image("busybox:2")
            (tmp_path / "web.yaml").unlink()
            await follower.until_names()
            assert all(snapshot.problems == () for snapshot in follower.seen)

    run(body())


def test_rename_over_and_away(tmp_path: Path) -> None:
    async def body() -> None:
        folder = tmp_path / "manifests"
        folder.mkdir()
        (folder / "web.yaml").write_text(manifest())
        async with following(folder) as follower:
            (tmp_path / "new").write_text(manifest(image="busybox:2"))
            (tmp_path / "new").rename(folder / "web.yaml")
            await follower.until_image("busybox:2")
            (folder / ".web.yaml.tmp").write_text(manifest(image="busybox:3"))
            (folder / ".web.yaml.tmp").rename(folder / "web.yaml")
            await follower.until_image("busybox:3")
            (folder / "web.yaml").rename(tmp_path / "away")
            await follower.until_names()
            assert [len(snapshot.pods) for snapshot in follower.seen] == [1, 1, 1, 0]

    run(body())


def test_a_half_written_file_is_not_read(tmp_path: Path) -> None:
    async def body() -> None:
        (tmp_path / "web.yaml").write_text(manifest(image="busybox:1"))
        async with following(tmp_path) as follower:
            with (tmp_path / "web.yaml").open("w") as file:
                for part in manifest(image="busybox:2").splitlines(keepends=True):
                    file.write(part)
                    file.flush()
                    # Another file makes the watcher look while this one is unfinished.
                    (tmp_path / "other.yaml").write_text(manifest("other", image=f"busybox:{file.tell()}"))
                    await follower.until_image(f"busybox:{file.tell()}", "other")
                    assert image_of(follower.seen[-1]) == "busybox:1"
            await follower.until_image("busybox:2")
            assert all(snapshot.problems == () for snapshot in follower.seen)

    run(body())


def test_a_new_half_written_file_is_not_read(tmp_path: Path) -> None:
    async def body() -> None:
        async with following(tmp_path) as follower:
            with (tmp_path / "web.yaml").open("w") as file:
                file.write("kind: 'Po")
                file.flush()
                (tmp_path / "other.yaml").write_text(manifest("other"))
                await follower.until_names("other")
                file.seek(0)
                file.write(manifest())
            await follower.until_names("web", "other")
            assert all(snapshot.problems == () for snapshot in follower.seen)

    run(body())


def test_a_file_that_is_never_closed_is_read_at_a_rescan(tmp_path: Path) -> None:
    async def body() -> None:
        async with following(tmp_path, rescan_seconds=0.05) as follower:
            with (tmp_path / "web.yaml").open("w") as file:
                file.write(manifest())
                file.flush()
                await follower.until_names("web")

    run(body())


def test_links(tmp_path: Path) -> None:
    async def body() -> None:
        folder = tmp_path / "manifests"
        folder.mkdir()
        (tmp_path / "one").write_text(manifest("one"))
        (tmp_path / "two").write_text(manifest("two"))
        async with following(folder) as follower:
            (folder / "a.yaml").symlink_to(tmp_path / "one")
            await follower.until_names("one")
            (folder / "b.yaml").hardlink_to(tmp_path / "two")
            await follower.until_names("one", "two")

    run(body())


def test_a_config_map_in_the_way_of_the_kubelet(tmp_path: Path) -> None:
    """All files are links through one hidden link that is replaced at once."""

    async def body() -> None:
        for version in ("1", "2"):
            (tmp_path / f"..v{version}").mkdir()
            (tmp_path / f"..v{version}" / "web.yaml").write_text(manifest(image=f"busybox:{version}"))
        (tmp_path / "..data").symlink_to("..v1")
        (tmp_path / "web.yaml").symlink_to("..data/web.yaml")
        async with following(tmp_path) as follower:
            assert image_of(follower.seen[-1]) == "busybox:1"
            (tmp_path / "..new").symlink_to("..v2")
            (tmp_path / "..new").rename(tmp_path / "..data")
            await follower.until_image("busybox:2")

    run(body())


def test_a_break_is_seen_and_so_is_the_repair(tmp_path: Path) -> None:
    async def body() -> None:
        (tmp_path / "web.yaml").write_text(manifest())
        async with following(tmp_path) as follower:
            (tmp_path / "web.yaml").write_text("[")
            broken = await follower.until(lambda snapshot: bool(snapshot.broken_files))
            assert image_of(broken) == "busybox:1"
            (tmp_path / "web.yaml").write_text(manifest(image="busybox:2"))
            assert (await follower.until_image("busybox:2")).problems == ()

    run(body())


def test_the_folder_goes_and_comes_back(tmp_path: Path) -> None:
    async def body() -> None:
        folder = tmp_path / "a" / "b" / "manifests"
        async with following(folder) as follower:
            assert follower.seen[0].is_blind
            folder.mkdir(parents=True)
            await follower.until(lambda snapshot: not snapshot.is_blind)
            (folder / "web.yaml").write_text(manifest())
            await follower.until_names("web")
            folder.rename(tmp_path / "away")
            assert image_of(await follower.until(lambda snapshot: snapshot.is_blind)) == "busybox:1"
            folder.mkdir()
            await follower.until_names()
            (folder / "web.yaml").write_text(manifest(image="busybox:2"))
            await follower.until_image("busybox:2")
            shutil.rmtree(tmp_path / "a")
            await follower.until(lambda snapshot: snapshot.is_blind)
            folder.mkdir(parents=True)
            (folder / "back.yaml").write_text(manifest("back"))
            await follower.until_names("back")

    run(body())


def test_a_folder_that_is_replaced_by_another(tmp_path: Path) -> None:
    async def body() -> None:
        folder, other = tmp_path / "manifests", tmp_path / "other"
        for place, name in ((folder, "old"), (other, "new")):
            place.mkdir()
            (place / "web.yaml").write_text(manifest(name))
        async with following(folder) as follower:
            folder.rename(tmp_path / "away")
            other.rename(folder)
            await follower.until_names("new")
            (folder / "more.yaml").write_text(manifest("more"))
            await follower.until_names("new", "more")

    run(body())


def test_a_link_to_the_folder_that_is_moved_is_seen_at_a_rescan(tmp_path: Path) -> None:
    async def body() -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "web.yaml").write_text(manifest(name))
        (tmp_path / "manifests").symlink_to("one")
        async with following(tmp_path / "manifests", rescan_seconds=0.05) as follower:
            await follower.until_names("one")
            (tmp_path / "next").symlink_to("two")
            (tmp_path / "next").rename(tmp_path / "manifests")
            await follower.until_names("two")

    run(body())


def test_many_files_at_once(tmp_path: Path) -> None:
    async def body() -> None:
        async with following(tmp_path) as follower:
            for number in range(300):
                (tmp_path / f"{number}.yaml").write_text(manifest(f"web{number}"))
            await follower.until(lambda snapshot: len(snapshot.pods) == 300)
            for number in range(300):
                (tmp_path / f"{number}.yaml").unlink()
            await follower.until_names()
            assert all(snapshot.problems == () for snapshot in follower.seen)

    run(body())


def test_writers_in_a_hurry_are_never_seen_half_done(tmp_path: Path) -> None:
    """A thread rewrites one file in place as fast as it can; every reading is one of the whole texts."""

    def write() -> None:
        for number in range(400):
            with (tmp_path / "web.yaml").open("w") as file:
                for part in manifest(image=f"busybox:{number}").splitlines(keepends=True):
                    file.write(part)
                    file.flush()

    async def body() -> None:
        (tmp_path / "web.yaml").write_text(manifest())
        async with following(tmp_path) as follower:
            writer = asyncio.create_task(asyncio.to_thread(write))
            await follower.until_image("busybox:399")
            await writer
            assert all(snapshot.problems == () for snapshot in follower.seen)
            assert all(len(snapshot.pods) == 1 for snapshot in follower.seen)

    run(body())


def test_nothing_is_left_open(tmp_path: Path) -> None:
    async def body() -> None:
        before = open_files()
        async with following(tmp_path):
            assert open_files() > before
        assert open_files() == before

    run(body())


def test_without_inotify_there_is_only_the_clock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> inotify.Inotify:
        raise OSError(errno.EMFILE, "too many open files")

    async def body() -> None:
        with FolderEvents(tmp_path, open_inotify=refuse) as events:
            (tmp_path / "web.yaml").write_text(manifest())
            async with asyncio.timeout(DEADLINE):
                await events.wait(0.01)
            assert events.begin_look() == events.end_look() == frozenset()

    run(body())
    assert "too many open files; changes are seen at the next rescan" in caplog.text


def test_events_say_which_files_are_being_written(tmp_path: Path) -> None:
    async def body() -> None:
        with FolderEvents(tmp_path) as events:
            with (tmp_path / "web.yaml").open("w") as file:
                file.write("a")
                file.flush()
                (tmp_path / "whole.yaml").write_text("b")
                assert events.begin_look() == {"web.yaml"}
                assert events.end_look() == {"web.yaml"}
            assert events.begin_look() == frozenset()
            (tmp_path / "web.yaml").write_text("begun and ended during the look")
            assert events.end_look() == {"web.yaml"}
            assert events.begin_look() == frozenset()

    run(body())


def test_a_file_that_stays_empty_is_reported(tmp_path: Path) -> None:
    async def body() -> None:
        (tmp_path / "web.yaml").write_text(manifest())
        async with following(tmp_path) as follower:
            (tmp_path / "web.yaml").write_text("")
            snapshot = await follower.until(lambda snapshot: bool(snapshot.problems))
            assert "the file is empty" in str(snapshot.problems[0])
            assert image_of(snapshot) == "busybox:1"

    run(body())
