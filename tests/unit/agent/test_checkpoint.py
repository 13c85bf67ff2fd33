# SPDX-License-Identifier: Apache-2.0
"""The checkpoint: what is written is read again, Secrets are sealed, and damage costs one entry."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.checkpoint.entries import Remembered, decode, encode, entries
from agent.checkpoint.keeper import CheckpointKeeper
from agent.checkpoint.seal import Sealer, SealError
from agent.objects.model import CONFIG_MAP, SECRET, Ref
from agent.objects.tokens import Token, TokenKey

SEALER = Sealer(b"a private key")
PASSWORD = "hunter2-hunter2"
POD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "shop", "uid": "u1"},
    "spec": {"containers": []},
}
WHOLE = Remembered(
    pods={"u1": POD},
    objects={
        Ref(CONFIG_MAP, "shop", "settings"): {"metadata": {"name": "settings"}, "data": {"a": "b"}},
        Ref(SECRET, "shop", "login"): {"metadata": {"name": "login"}, "data": {"password": PASSWORD}},
    },
    tokens={TokenKey("u1", "default", ("api",), 3600): Token(PASSWORD, 2000.0, 1000.0)},
)


def as_files(remembered: Remembered) -> dict[str, bytes]:
    return {entry.name: encode(entry, SEALER) for entry in entries(remembered)}


def test_everything_comes_back() -> None:
    assert decode(as_files(WHOLE), SEALER) == (WHOLE, {})


def test_secrets_and_tokens_are_not_in_the_open_and_names_do_not_show_them(tmp_path: Path) -> None:
    CheckpointKeeper(tmp_path, SEALER).save(WHOLE)
    for path in tmp_path.iterdir():
        assert PASSWORD.encode() not in path.read_bytes()
        assert "login" not in path.name
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 4


def test_another_key_opens_no_secret_and_everything_else() -> None:
    remembered, broken = decode(as_files(WHOLE), Sealer(b"another key"))
    assert remembered.pods == WHOLE.pods
    assert set(remembered.objects) == {Ref(CONFIG_MAP, "shop", "settings")}
    assert remembered.tokens == {}
    assert len(broken) == 2
    assert all("another key" in why for why in broken.values())


def test_one_entrys_bytes_do_not_open_as_anothers() -> None:
    sealed = SEALER.seal("a", b"text")
    assert SEALER.open("a", sealed) == b"text"
    with pytest.raises(SealError):
        SEALER.open("b", sealed)


@given(st.data())
def test_damage_costs_no_more_than_the_damaged_file(data: st.DataObject) -> None:
    files = as_files(WHOLE)
    name = data.draw(st.sampled_from(sorted(files)))
    whole = files[name]
    cut = data.draw(st.integers(0, len(whole)))
    files[name] = data.draw(
        st.sampled_from([whole[:cut], whole[:cut] + b"\xff" + whole[cut:], b"", b"[]", b"{}"])
    )
    remembered, broken = decode(files, SEALER)
    lost = len(WHOLE.pods) + len(WHOLE.objects) + len(WHOLE.tokens)
    lost -= len(remembered.pods) + len(remembered.objects) + len(remembered.tokens)
    assert (lost, set(broken)) in [(0, set()), (1, {name})]


@pytest.mark.parametrize(
    "text",
    [b'{"version": 2, "kind": "pod", "content": {}}', b'{"version": 1, "kind": "fish", "content": {}}'],
)
def test_what_another_version_wrote_is_told_and_passed_over(text: bytes) -> None:
    remembered, broken = decode({"x.json": text}, SEALER)
    assert remembered == Remembered()
    assert "not known" in broken["x.json"] or "version is 2" in broken["x.json"]


def test_a_save_writes_what_is_different_and_removes_what_is_gone(tmp_path: Path) -> None:
    keeper = CheckpointKeeper(tmp_path, SEALER)
    keeper.save(WHOLE)
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    ended = {**POD, "status": {"phase": "Succeeded"}}
    keeper.save(replace(WHOLE, pods={"u1": ended}, tokens={}))
    after = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert len(before) == 4
    assert len(after) == 3
    assert sum(before[name] != inode for name, inode in after.items()) == 1
    assert CheckpointKeeper(tmp_path, SEALER).load().pods == {"u1": ended}


def test_a_broken_file_and_an_unfinished_one_are_removed_at_the_next_start(tmp_path: Path) -> None:
    CheckpointKeeper(tmp_path, SEALER).save(WHOLE)
    (tmp_path / "pod-x.json").write_bytes(b"{")
    (tmp_path / ".pod-y.json.new").write_bytes(b"{")
    assert CheckpointKeeper(tmp_path, SEALER).load() == WHOLE
    assert len(list(tmp_path.iterdir())) == 4


def test_a_change_is_written_soon(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    async def live() -> None:
        keeper = CheckpointKeeper(folder, SEALER)
        task = asyncio.create_task(keeper.run(lambda: WHOLE))
        keeper.changed()
        async with asyncio.timeout(60):
            while len(list(folder.glob("*.json"))) < 4:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(live())
    assert CheckpointKeeper(folder, SEALER).load() == WHOLE
