# SPDX-License-Identifier: Apache-2.0
"""Backups as files: what is in one, what is refused, what a crash leaves, with a server's real store and keys."""

import asyncio
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from controlplane.backup.errors import BackupError, ExistingError
from controlplane.backup.folder import beside
from controlplane.backup.restore import restore
from controlplane.backup.save import back_up
from controlplane.config import ControlPlaneConfig
from controlplane.main import started
from controlplane.store.errors import InUseError
from controlplane.store.sqlite.lock import FileLock
from controlplane.store.sqlite.store import open_sqlite

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = ("ca.crt", "ca.key", "sa.key")


def config_of(folder: Path) -> ControlPlaneConfig:
    return ControlPlaneConfig(folder / "pki", f"sqlite://{folder}/store.db", port=0)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> ControlPlaneConfig:
    """A control plane that ran once."""
    config = config_of(tmp_path_factory.mktemp("original"))

    async def run() -> None:
        async with started(config):
            pass

    asyncio.run(run())
    return config


@pytest.fixture(scope="module")
def archive(original: ControlPlaneConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backup") / "store.db"
    back_up(original, path, NOW)
    return path


def keys(config: ControlPlaneConfig) -> list[bytes]:
    return [(config.pki / name).read_bytes() for name in KEYS]


async def _records(folder: Path) -> list[tuple[str, bytes, int]]:
    store = await open_sqlite(folder / "store.db")
    page = await store.list("/")
    await store.close()
    return [(record.key, record.value, record.mod_revision) for record in page.records]


def records(config: ControlPlaneConfig) -> list[tuple[str, bytes, int]]:
    return asyncio.run(_records(config.pki.parent))


def test_what_is_in_one(archive: Path, original: ControlPlaneConfig) -> None:
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        said = tar.extractfile("backup.json")
        assert said is not None
        manifest = msgspec.json.decode(said.read())
    assert names == ["backup.json", "pki/ca.crt", "pki/ca.key", "pki/sa.key", "store.db"]
    assert (manifest["madeAt"], manifest["release"]) == ("2026-01-02T03:04:05Z", original.release)
    assert set(manifest["members"]) == set(names[1:])


def test_restored_it_is_the_same(archive: Path, original: ControlPlaneConfig, tmp_path: Path) -> None:
    config = config_of(tmp_path / "new")
    done = restore(config, archive, replace=False)
    assert done.first_revision > done.manifest.revision
    assert keys(config) == keys(original)
    assert records(config) == records(original)
    assert [(config.pki / name).stat().st_mode & 0o777 for name in KEYS] == [0o644, 0o600, 0o600]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["pki", "store.db", "store.db.lock"]


def cut(size: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * size)]


def flipped(place: float) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        at = int(len(data) * place)
        return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]

    return flip


BAD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "nonsense": lambda _: b"nonsense" * 4000,
    "another tar": lambda data: data[512:],
    "cut in the manifest": lambda data: data[:700],
    "another kind": lambda data: data.replace(b"ControlPlaneBackup", b"ControlPlaneBakcup", 1),
    "a manifest that is no JSON": lambda data: data.replace(b'"madeAt"', b'"madeAt:', 1),
    "fewer members": lambda data: data.replace(b'"pki/sa.key": ', b'"pki/sb.key": ', 1),
    **{f"cut at {size}": cut(size) for size in (0.05, 0.3, 0.6, 0.9, 0.95)},
    **{f"flipped at {place}": flipped(place) for place in (0.0, 0.05, 0.2, 0.5, 0.7)},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_refused_and_nothing_is_touched(name: str, archive: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path / "there")
    restore(config, archive, replace=False)
    before, held = records(config), keys(config)
    bad = tmp_path / "bad.tar"
    bad.write_bytes(BAD[name](archive.read_bytes()))
    with pytest.raises(BackupError, match=r"cannot restore .*bad\.tar: .*; nothing was changed"):
        restore(config, bad, replace=True)
    assert (records(config), keys(config)) == (before, held)
    assert not [path for path in (tmp_path / "there").iterdir() if path.name.startswith(".")]


def test_what_is_there_is_kept_unless_it_may_be_replaced(archive: Path, tmp_path: Path) -> None:
    other = config_of(tmp_path / "other")
    other.pki.mkdir(parents=True)
    (other.pki / "sa.key").write_bytes(b"another key")
    with pytest.raises(ExistingError, match=r"there is .*/sa\.key already; use --force"):
        restore(other, archive, replace=False)
    assert (other.pki / "sa.key").read_bytes() == b"another key"
    restore(other, archive, replace=True)
    with pytest.raises(ExistingError, match=r"there is .*/store\.db already"):
        restore(other, archive, replace=False)
    # A restore that was killed before its last step left the keys.
    (tmp_path / "other" / "store.db").unlink()
    restore(other, archive, replace=False)


def test_a_server_that_has_the_store_is_not_disturbed_or_is_ended(archive: Path, tmp_path: Path) -> None:
    config = config_of(tmp_path / "there")
    restore(config, archive, replace=False)
    (config.pki / "sa.key").write_bytes(b"newer")
    locks = [FileLock(tmp_path / "there" / "store.db")]
    with pytest.raises(InUseError, match=f"process {os.getpid()} has it open"):
        restore(config, archive, replace=True)
    assert (config.pki / "sa.key").read_bytes() == b"newer"
    restore(config, archive, replace=True, make_free=lambda: locks.pop().release())
    assert (config.pki / "sa.key").read_bytes() != b"newer"


def test_what_a_killed_backup_left_goes_with_the_next(original: ControlPlaneConfig, tmp_path: Path) -> None:
    left = tmp_path / ".one.tar.partial"
    (left / "folder").mkdir(parents=True)
    (left / "store.db").write_bytes(b"half")
    back_up(original, tmp_path / "one.tar", NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["one.tar"]
    with beside(tmp_path / "one.tar"), pytest.raises(BackupError, match="another process is writing it"):
        back_up(original, tmp_path / "one.tar", NOW)


@pytest.mark.parametrize(
    ("store", "reason"),
    [("memory://", "gone when its process ends"), ("etcd://a:1", "etcdctl snapshot save")],
)
def test_other_stores_are_refused_by_name(
    store: str, reason: str, original: ControlPlaneConfig, tmp_path: Path
) -> None:
    config = replace(original, store=store)
    with pytest.raises(BackupError, match=reason):
        back_up(config, tmp_path / "one.tar", NOW)
    with pytest.raises(BackupError, match=reason):
        restore(config, tmp_path / "one.tar", replace=True)
