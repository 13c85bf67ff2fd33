# SPDX-License-Identifier: Apache-2.0
import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.image.archive import read_blob, read_images
from lab.image.build import build
from lab.image.errors import ImageError, ImageSpecError
from lab.image.model import Directory, Entry, ImageSpec, Inline, LocalFile, Symlink

# What `sources` gives everywhere; it changes only when the way of building does.
STABLE_DIGEST = "sha256:95efa365041646b88bcf0b1a279ace70ff7eb4c8ef694948464b031e6b8cd438"


def spec(files: dict[str, Entry], **more: object) -> ImageSpec:
    return replace(ImageSpec("docker.io/local/test:1", files, "amd64"), **more)  # type: ignore[arg-type]


def layer(archive: Path) -> dict[str, tarfile.TarInfo]:
    with layer_tar(archive) as content:
        return {member.name: member for member in content}


def layer_tar(archive: Path) -> tarfile.TarFile:
    manifest = json.loads(read_blob(archive, read_images(archive)[0].digest))
    return tarfile.open(fileobj=io.BytesIO(read_blob(archive, manifest["layers"][0]["digest"])))


@pytest.fixture
def strange_process() -> Iterator[None]:
    """Another umask and another time zone, put back afterwards."""
    umask, zone = os.umask(0o077), os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Chatham"
    time.tzset()
    yield
    os.umask(umask)
    os.environ.pop("TZ")
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()


def sources(folder: Path) -> ImageSpec:
    folder.mkdir(parents=True)
    (folder / "tool").write_bytes(b"#!/bin/sh\n")
    (folder / "tool").chmod(0o777 & ~umask_now())
    (folder / "data").write_bytes(b"x" * 70_000)
    os.utime(folder / "data", (1, 1))
    return spec(
        {
            "/usr/bin/tool": LocalFile(folder / "tool"),
            "/data": LocalFile(folder / "data"),
            "/usr/lib": Symlink("bin"),
            "/tmp": Directory(0o1777),
            "/etc/motd": Inline(b"hello"),
        },
        env={"B": "2", "A": "1"},
    )


def umask_now() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_the_same_input_gives_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    one = build(sources(tmp_path / "a"), tmp_path / "a.tar")
    two = build(sources(tmp_path / "deep" / "b"), tmp_path / "b.tar")
    assert one.path.read_bytes() == two.path.read_bytes()
    assert (one.digest, one.id) == (two.digest, two.id)
    assert one.digest == STABLE_DIGEST


def test_umask_and_time_zone_do_not_matter(tmp_path: Path, strange_process: None) -> None:
    image = build(sources(tmp_path / "a"), tmp_path / "a.tar")

    assert image.digest == STABLE_DIGEST


def test_everything_in_a_layer_is_roots_and_as_old_as_the_epoch(tmp_path: Path) -> None:
    image = build(sources(tmp_path / "a"), tmp_path / "a.tar")
    members = layer(image.path)
    assert list(members) == ["data", "etc", "etc/motd", "tmp", "usr", "usr/bin", "usr/bin/tool", "usr/lib"]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {(0, 0, "", "", 0)}
    modes = {name: oct(member.mode) for name, member in members.items()}
    assert modes["usr/bin/tool"] == "0o755"
    assert modes["data"] == modes["etc/motd"] == "0o644"
    assert modes["tmp"] == "0o1777"
    assert modes["usr"] == "0o755"
    assert members["usr/lib"].linkname == "bin"


def test_every_blob_is_what_its_name_says_and_the_image_carries_its_name(tmp_path: Path) -> None:
    image = build(sources(tmp_path / "a"), tmp_path / "a.tar")
    with tarfile.open(image.path) as archive:
        blobs = [member for member in archive.getnames() if member.startswith("blobs/")]
        for name in blobs:
            content = archive.extractfile(name)
            assert content is not None
            assert hashlib.sha256(content.read()).hexdigest() == name.removeprefix("blobs/sha256/")
    assert len(blobs) == 3
    index = json.loads(read_member(image.path, "index.json"))
    assert index["manifests"][0]["annotations"] == {
        "io.containerd.image.name": "docker.io/local/test:1",
        "org.opencontainers.image.ref.name": "1",
    }
    assert read_images(image.path) == (image,)
    assert json.loads(read_member(image.path, "oci-layout")) == {"imageLayoutVersion": "1.0.0"}


def read_member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return stream.read()


def test_the_configuration_says_how_to_run_it(tmp_path: Path) -> None:
    image = build(
        spec(
            {},
            entrypoint=("/a", "b"),
            cmd=("c",),
            env={"X": "y", "E": ""},
            user="7:8",
            working_dir="/w",
            labels={"l": "m"},
            stop_signal="SIGINT",
        ),
        tmp_path / "x.tar",
    )
    assert json.loads(read_blob(image.path, image.id))["config"] == {
        "Entrypoint": ["/a", "b"],
        "Cmd": ["c"],
        "Env": ["E=", "X=y"],
        "User": "7:8",
        "WorkingDir": "/w",
        "Labels": {"l": "m"},
        "StopSignal": "SIGINT",
    }


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (spec({"a": Inline(b"")}), "files.a"),
        (spec({"/": Directory()}), "files./"),
        (spec({"/a/": Directory()}), "files./a/"),
        (spec({"/a/../b": Inline(b"")}), "files./a/../b"),
        (spec({"/./b": Inline(b"")}), "files././b"),
        (spec({"//b": Inline(b"")}), "files.//b"),
        (spec({"/b\0": Inline(b"")}), "without the character NUL"),
        (spec({"/b": Inline(b"", 0o10000)}), "a mode between 0000 and 7777"),
        (spec({"/b": Symlink("")}), "a target that is not empty"),
        (spec({"/b": Symlink("c"), "/b/d": Inline(b"")}), "a path whose parent /b is a directory"),
        (spec({"/b": Inline(b""), "/b/c/d": Inline(b"")}), "a path whose parent /b is a directory"),
        (spec({}, reference="web:1"), "a full name with a tag"),
        (spec({}, reference="docker.io/local/Web:1"), "a full name with a tag"),
        (spec({}, reference="docker.io/local/web"), "a full name with a tag"),
        (spec({}, reference="docker.io/local/web@sha256:00"), "a full name with a tag"),
        (spec({}, architecture="x86_64"), "one of 386, amd64"),
        (spec({}, working_dir="w"), "an absolute path"),
        (spec({}, stop_signal="TERM"), "a signal's name"),
        (spec({}, env={"A=B": ""}), "a name that is not empty and has no '='"),
        (spec({}, cmd=("a\0",)), "cmd[0]"),
        (spec({}, labels={"a": "\ud800"}), "labels.a"),
    ],
)
def test_descriptions_that_make_no_sense_are_refused_and_nothing_is_written(
    tmp_path: Path, bad: ImageSpec, what: str
) -> None:
    with pytest.raises(ImageSpecError) as caught:
        build(bad, tmp_path / "x.tar")
    assert what in str(caught.value)
    assert "accepted is" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "reference", ["localhost/a:1", "127.0.0.1:5000/a/b:x", "reg:5000/a:1", "a.b/c__d/e-f:1.2-3"]
)
def test_references_with_any_registry_are_taken(tmp_path: Path, reference: str) -> None:
    assert build(spec({}, reference=reference), tmp_path / "x.tar").reference == reference


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "gone", "No such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "pipe", "not a regular file"),
    ):
        with pytest.raises(ImageError, match=why) as caught:
            build(spec({"/x": LocalFile(path)}), tmp_path / "x.tar")
        assert f"{path}, wanted for /x of docker.io/local/test:1" in str(caught.value)
    with pytest.raises(ImageError, match=r"cannot build image docker\.io/local/test:1 into"):
        build(spec({}), tmp_path / "no" / "x.tar")


def test_an_image_that_cannot_be_built_leaves_the_old_archive(tmp_path: Path) -> None:
    old = build(spec({}), tmp_path / "x.tar").path.read_bytes()
    with pytest.raises(ImageError):
        build(spec({"/x": LocalFile(tmp_path / "gone")}), tmp_path / "x.tar")
    assert (tmp_path / "x.tar").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "cannot read"), (b"no tar", "cannot read"), (None, "cannot read")],
)
def test_what_is_no_image_archive_is_refused(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "x.tar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=what):
        read_images(path)


def test_an_archive_without_names_is_refused(tmp_path: Path) -> None:
    image = build(spec({}), tmp_path / "x.tar")
    index = json.loads(read_member(image.path, "index.json"))
    index["manifests"][0]["annotations"] = {}
    for manifests, why in ((index["manifests"], "no annotation"), ([], "no image is in it")):
        with tarfile.open(tmp_path / "y.tar", "w") as archive:
            content = json.dumps({"manifests": manifests}).encode()
            info = tarfile.TarInfo("index.json")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        with pytest.raises(ImageError, match=why):
            read_images(tmp_path / "y.tar")


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
parts = names.filter(lambda name: name not in {".", ".."})
entries = st.one_of(
    st.builds(Inline, st.binary(max_size=50), st.integers(0, 0o7777)),
    st.builds(Symlink, names),
    st.builds(Directory, st.integers(0, 0o7777)),
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Entry]:
    """Entries by path, none below what is no folder."""
    tree: dict[str, Entry] = {}
    folders = [""]
    for _ in range(draw(st.integers(0, 8))):
        path = f"{draw(st.sampled_from(folders))}/{draw(parts)}"
        if path in tree:
            continue
        tree[path] = draw(entries)
        if isinstance(tree[path], Directory):
            folders.append(path)
    return tree


@given(trees(), st.randoms())
def test_any_tree_comes_out_as_it_went_in_whatever_order_it_was_told_in(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Entry], random: Random
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    shuffled = dict(random.sample(sorted(tree.items()), len(tree)))
    one, two = build(spec(tree), folder / "1.tar"), build(spec(shuffled), folder / "2.tar")
    assert one.path.read_bytes() == two.path.read_bytes()
    with layer_tar(one.path) as content:
        found = {f"/{member.name}": as_entry(content, member) for member in content}
        order = list(found)
    assert found == tree
    assert all(
        order.index(path.rpartition("/")[0]) < order.index(path) for path in order if path.count("/") > 1
    )


def as_entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if member.isdir():
        return Directory(member.mode)
    if member.issym():
        return Symlink(member.linkname)
    stream = archive.extractfile(member)
    assert stream is not None
    return Inline(stream.read(), member.mode)
