# SPDX-License-Identifier: Apache-2.0
"""Walking and removing trees that a container filled, and finding mounts: nothing outside is ever touched."""

import os
from pathlib import Path

import pytest

from agent.volume import mountinfo
from agent.volume.errors import VolumeError
from agent.volume.remove import remove_tree
from agent.volume.syscalls import MountFlag, mount, umount
from agent.volume.walk import MAX_DEPTH, opened, tree
from tests.support.mountns import in_mount_namespace

MOUNTINFO = rb"""21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 21 0:26 / /data/pods rw - tmpfs tmpfs rw,size=1k
31 30 0:27 / /data/pods/a\040b\134c rw shared:7 - tmpfs tmpfs rw
32 21 0:28 / /data/podsother rw - tmpfs tmpfs rw
33 31 0:29 / /data/pods/a\040b\134c/deep rw - nfs4 server:/x rw
"""


def test_mounts_below_a_folder_are_named_from_the_inside_out() -> None:
    assert [(str(each.path), each.kind) for each in mountinfo.below(Path("/data/pods"), MOUNTINFO)] == [
        ("/data/pods/a b\\c/deep", "nfs4"),
        ("/data/pods/a b\\c", "tmpfs"),
        ("/data/pods", "tmpfs"),
    ]
    assert mountinfo.below(Path("/data/pods/a"), MOUNTINFO) == ()


def deep(path: Path, levels: int) -> None:
    """Folders in folders, deeper than any path can say."""
    folder = os.open(path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)


def test_a_tree_of_any_depth_is_removed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    deep(victim, 3000)
    for name in ("plain", "new\nline", "-rf", "é", "x" * 255):
        (victim / name).write_text("x")
        (victim / "d" / name).mkdir()
    os.mkfifo(victim / "fifo")
    remove_tree(victim)
    assert list(tmp_path.iterdir()) == []
    remove_tree(victim)


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    victim = tmp_path / "victim"
    (victim / "inner").mkdir(parents=True)
    (victim / "to-folder").symlink_to(kept)
    (victim / "inner/to-folder").symlink_to(kept)
    (victim / "dangling").symlink_to("/no/such/thing")
    remove_tree(victim)
    assert (kept / "file").read_text() == "x"
    assert not victim.exists()
    (tmp_path / "link").symlink_to(kept)
    with pytest.raises(VolumeError, match="cannot remove"):
        remove_tree(tmp_path / "link")
    assert (kept / "file").exists()


@in_mount_namespace
def test_removal_never_enters_a_mount(tmp_path: Path) -> None:
    outside, victim = tmp_path / "outside", tmp_path / "victim"
    (outside / "data").mkdir(parents=True)
    (victim / "a/mounted").mkdir(parents=True)
    mount(str(outside), victim / "a/mounted", flags=MountFlag.BIND)
    with pytest.raises(VolumeError, match="cannot remove"):
        remove_tree(victim)
    assert (outside / "data").is_dir()
    mountinfo.umount_below(victim)
    remove_tree(victim)
    assert (outside / "data").is_dir()
    assert not victim.exists()


@in_mount_namespace
def test_stacked_and_nested_mounts_are_unmounted_even_while_in_use(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "inner").mkdir(parents=True)
    for _ in range(3):
        mount("tmpfs", top / "inner", "tmpfs", data="size=64k")
    (top / "inner/more").mkdir()
    mount(str(tmp_path), top / "inner/more", flags=MountFlag.BIND)
    with (top / "inner/busy").open("w"):
        mountinfo.umount_below(top)
    assert mountinfo.below(top) == ()
    mountinfo.umount_below(top)


@in_mount_namespace
def test_a_mount_point_is_known_whatever_is_mounted(tmp_path: Path) -> None:
    memory, bind, plain = tmp_path / "memory", tmp_path / "bind", tmp_path / "plain"
    for folder in (memory, bind, plain):
        folder.mkdir()
    file = tmp_path / "file"
    file.write_text("x")
    mount("tmpfs", memory, "tmpfs")
    mount(str(plain), bind, flags=MountFlag.BIND)
    mount(str(file), file, flags=MountFlag.BIND)
    assert [mountinfo.is_mount_point(path) for path in (memory, bind, file, plain)] == [
        True,
        True,
        True,
        False,
    ]
    umount(bind)
    assert not mountinfo.is_mount_point(bind)
    with pytest.raises(FileNotFoundError):
        mountinfo.is_mount_point(tmp_path / "absent")


@in_mount_namespace
def test_a_walk_names_mounts_and_links_and_enters_neither(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_text("x")
    (root / "link").symlink_to("/")
    (root / "mounted").mkdir()
    mount("tmpfs", root / "mounted", "tmpfs")
    (root / "mounted/hidden").write_text("x")
    with opened(root) as folder:
        assert {entry.name for entry in tree(folder)} == {"a", "b", "file", "link", "mounted"}


def test_a_walk_has_a_bound(tmp_path: Path) -> None:
    deep(tmp_path, MAX_DEPTH + 10)
    with opened(tmp_path) as folder, pytest.raises(VolumeError, match="levels deep"):
        list(tree(folder))
    remove_tree(tmp_path / "d")
