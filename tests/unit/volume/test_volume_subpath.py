# SPDX-License-Identifier: Apache-2.0
"""subPaths: what is mounted lies in the volume, whatever a container does to its folders meanwhile."""

import itertools
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from agent.pod.errors import ConfigError
from agent.volume.errors import VolumeError
from agent.volume.mountinfo import below
from agent.volume.subpath import mount_sub_path
from tests.support.held_objects import HeldObjects, config_map
from tests.support.mountns import SECONDS, in_mount_namespace
from tests.support.volumes import Kit, mode, pod_with


def filled(tmp_path: Path) -> tuple[Path, Path]:
    """A volume, and a secret beside it."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("hidden")
    volume = tmp_path / "volume"
    (volume / "a/b").mkdir(parents=True)
    (volume / "a/b/file").write_text("inside")
    (volume / "inner").symlink_to("a/b")
    (volume / "up").symlink_to("../secret")
    (volume / "absolute").symlink_to(secret)
    (volume / "proc").symlink_to("/proc/self/root")
    (volume / "loop").symlink_to("loop")
    (volume / "a/back").symlink_to("../a/b/file")
    return volume, secret


GOOD = {"a/b/file": "inside", "inner/file": "inside", "a/back": "inside", "./a//b/./file": "inside"}


@pytest.mark.parametrize("path", GOOD)
@in_mount_namespace
def test_a_file_of_the_volume(tmp_path: Path, path: str) -> None:
    volume, _ = filled(tmp_path)
    mount_sub_path(volume, path, tmp_path / "target")
    assert (tmp_path / "target").read_text() == GOOD[path]


HOSTILE = [
    "up",
    "up/key",
    "absolute",
    "absolute/key",
    "proc",
    "proc/etc",
    "loop",
    "..",
    "../secret",
    "a/../../secret",
    "/etc",
]


@pytest.mark.parametrize("path", HOSTILE)
@in_mount_namespace
def test_what_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    volume, secret = filled(tmp_path)
    with pytest.raises((VolumeError, OSError)):
        mount_sub_path(volume, path, tmp_path / "target")
    assert below(tmp_path) == ()
    assert [path.name for path in secret.iterdir()] == ["key"]


@in_mount_namespace
def test_missing_folders_are_made_with_the_volumes_mode_and_nowhere_else(tmp_path: Path) -> None:
    volume, secret = filled(tmp_path)
    volume.chmod(0o2777)
    mount_sub_path(volume, "inner/new/er", tmp_path / "target")
    assert mode(volume / "a/b/new") == mode(volume / "a/b/new/er") == 0o2777
    for path in ("up/new", "absolute/new", "a/b/file/new"):
        with pytest.raises((VolumeError, OSError)):
            mount_sub_path(volume, path, tmp_path / "other")
    assert [path.name for path in secret.iterdir()] == ["key"]


@in_mount_namespace
def test_a_mount_stays_for_the_same_file_and_follows_a_new_one(tmp_path: Path) -> None:
    volume, _ = filled(tmp_path)
    target = tmp_path / "target"
    for _ in range(2):
        mount_sub_path(volume, "a/b/file", target)
        assert len(below(target)) == 1
    (volume / "a/b/file").unlink()
    (volume / "a/b/file").write_text("new")
    mount_sub_path(volume, "a/b/file", target)
    assert (target.read_text(), len(below(target))) == ("new", 1)
    (volume / "a/b/file").unlink()
    (volume / "a/b/file").mkdir()
    mount_sub_path(volume, "a/b/file", target)
    assert target.is_dir()


def swap_for_ever(volume: Path, secret: Path) -> None:
    """What a hostile container does: "x" is a folder of the volume, then a link out of it, and so on."""
    (volume / "good").mkdir()
    (volume / "bad").symlink_to(secret)
    moves = [("good", "x"), ("x", "good"), ("bad", "x"), ("x", "bad")]
    for one, other in itertools.cycle(moves):
        # It fails where our side has just made the folder.
        with suppress(OSError):
            (volume / one).rename(volume / other)


@in_mount_namespace
def test_a_race_is_never_won(tmp_path: Path) -> None:
    volume, secret = filled(tmp_path)
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            swap_for_ever(volume, secret)
        finally:
            os._exit(0)
    try:
        for number in range(2000):
            target = tmp_path / f"target{number}"
            try:
                mount_sub_path(volume, "x", target)
            except (VolumeError, OSError):
                continue
            assert not (target / "key").exists()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert [path.name for path in secret.iterdir()] == ["key"]


@in_mount_namespace
def test_expressions_take_the_containers_variables(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    desired = pod_with(
        [{"name": "v", "emptyDir": {}}], [{"name": "v", "mountPath": "/v", "subPathExpr": "$(POD)/$$(X)"}]
    )
    kit.prepare(desired)
    kit.mounts(desired, (("POD", "web-0"),))
    folder = tmp_path / "pods" / desired.uid / "volumes/kubernetes.io~empty-dir/v"
    assert (folder / "web-0/$(X)").is_dir()
    with pytest.raises(ConfigError, match=r"missing value for POD in subPathExpr \$\(POD\)"):
        kit.mounts(desired)
    with pytest.raises(ConfigError, match='failed to prepare subPath for volumeMount "v" of container "app"'):
        kit.mounts(desired, (("POD", "../.."),))


@in_mount_namespace
def test_a_key_of_a_config_map_keeps_its_content_until_the_container_starts_anew(tmp_path: Path) -> None:
    kit = Kit(tmp_path, HeldObjects(config_map("c", {"k": "old"})))
    desired = pod_with(
        [{"name": "v", "configMap": {"name": "c"}}], [{"name": "v", "mountPath": "/k", "subPath": "k"}]
    )
    kit.prepare(desired)
    file = kit.place(desired, "/k")
    assert file.read_text() == "old"
    kit.objects.put(config_map("c", {"k": "new"}))
    kit.refresh(desired)
    assert file.read_text() == "old"
    assert kit.place(desired, "/k").read_text() == "new"


@in_mount_namespace
def test_what_an_init_container_wrote_is_read_and_nothing_else(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    desired = pod_with([{"name": "v", "emptyDir": {}}])
    kit.prepare(desired)
    folder = kit.place(desired, "/v")
    (folder / "env").write_text("A='1'")
    (folder / "link").symlink_to("env")
    (folder / "out").symlink_to("/etc/passwd")
    os.mkfifo(folder / "fifo")
    read = kit.volumes.read_file
    assert read(desired, "v", "env") == read(desired, "v", "link") == b"A='1'"
    for volume, path in (
        ("v", "out"),
        ("v", "fifo"),
        ("v", "../../x"),
        ("v", "none"),
        ("w", "env"),
        ("v", "/env"),
    ):
        with pytest.raises(OSError):
            read(desired, volume, path)
