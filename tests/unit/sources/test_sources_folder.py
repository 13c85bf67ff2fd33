# SPDX-License-Identifier: Apache-2.0
"""A folder of manifests read again and again: good ones, links, temporaries, files that break and recover."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lightkube.models import core_v1

from agent.sources.files import printable_name
from agent.sources.manifests import ManifestFolder, read_folder
from agent.sources.model import DesiredPod, PodKey, Snapshot

WEB = PodKey("default", "web")


def manifest(name: str = "web", image: str = "busybox:1", extra: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n"
        f"spec:\n  containers:\n  - name: main\n    image: {image}\n{extra}"
    )


def folder_of(tmp_path: Path, **files: str) -> ManifestFolder:
    for stem, text in files.items():
        (tmp_path / f"{stem}.yaml").write_text(text)
    return ManifestFolder(tmp_path, node_name="node1")


def names(snapshot: Snapshot) -> list[str]:
    return sorted(str(key) for key in snapshot.pods)


def said(snapshot: Snapshot) -> list[str]:
    return [str(problem) for problem in snapshot.problems]


def spec_of(pod: DesiredPod) -> core_v1.PodSpec:
    assert pod.pod.spec is not None
    return pod.pod.spec


def image_of(snapshot: Snapshot, key: PodKey = WEB) -> str | None:
    return spec_of(snapshot.pods[key]).containers[0].image


def test_a_good_pod_has_its_defaults_its_uid_and_its_node(tmp_path: Path) -> None:
    limits = "    resources: {limits: {cpu: 1, memory: 64Mi}}\n    ports: [{containerPort: 80}]\n"
    pod = folder_of(tmp_path, web="\n# a comment\n" + manifest(extra=limits)).read().pods[WEB]
    assert (pod.key, pod.source) == (WEB, "web.yaml:3")
    assert pod.pod.metadata is not None
    assert (pod.pod.metadata.namespace, pod.pod.metadata.uid) == ("default", pod.uid)
    spec = spec_of(pod)
    assert (spec.nodeName, spec.restartPolicy, spec.dnsPolicy) == ("node1", "Always", "ClusterFirst")
    assert spec.terminationGracePeriodSeconds == 30
    container = spec.containers[0]
    assert container.imagePullPolicy == "IfNotPresent"
    assert container.ports == [core_v1.ContainerPort(containerPort=80, protocol="TCP")]
    assert container.resources == core_v1.ResourceRequirements(
        limits={"cpu": "1", "memory": "64Mi"}, requests={"cpu": "1", "memory": "64Mi"}
    )


def test_documents_lists_and_json(tmp_path: Path) -> None:
    (tmp_path / "two.yml").write_text(f"---\n{manifest('a')}---\n---\n# nothing\n---\n{manifest('b')}...\n")
    indented = manifest("c").replace("\n", "\n  ").rstrip()
    (tmp_path / "list.yaml").write_text(f"apiVersion: v1\nkind: List\nitems:\n- {indented}\n")
    (tmp_path / "pod.json").write_text(
        '\ufeff{"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": ['
        '{"metadata": {"name": "d"}, "spec": {"containers": [{"name": "a", "image": "b"}]}, "status": {"x": 1}}]}'
    )
    (tmp_path / "nothing.yaml").write_text("# all commented out\n")
    snapshot = read_folder(tmp_path, node_name="node1")
    assert snapshot.problems == ()
    assert [(str(pod.key), pod.source) for pod in snapshot.pods.values()] == [
        ("default/c", "list.yaml:4"),
        ("default/d", "pod.json:1"),
        ("default/a", "two.yml:2"),
        ("default/b", "two.yml:14"),
    ]


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        "  - &main {name: a, image: 'busybox:1', tty: true}\n  - {<<: *main, name: b, tty: false}\n"
    )
    spec = spec_of(folder_of(tmp_path, web=text).read().pods[WEB])
    assert [(c.name, c.image, c.tty) for c in spec.containers] == [
        ("a", "busybox:1", True),
        ("b", "busybox:1", False),
    ]


@pytest.mark.parametrize(
    "name",
    [".web.yaml", "#web.yaml", "~web.yaml", "web.yaml~", "web.yaml.swp", "web.txt", "README", "web.yaml#"],
)
def test_other_files_are_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "web.yaml").write_text("[")
    assert read_folder(tmp_path, node_name="node1") == Snapshot()


def test_the_uid_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    text = manifest()
    folder = folder_of(tmp_path, web=text)
    uid = folder.read().pods[WEB].uid
    same = [
        "# a comment\n\n" + text,
        text.replace("name: web", 'namespace: default\n  "name": "web"'),
        text.replace("image: busybox:1", "image: 'busybox:1'  # pinned\n    env: ~"),
        text + "status: {phase: Running}\n",
        text.replace("metadata:", "metadata:\n  resourceVersion: '7'\n  creationTimestamp: null"),
        '{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": "busybox:1", "name": "main"}]},'
        '"metadata": {"name": "web"}}',
    ]
    for other in same:
        (tmp_path / "web.yaml").write_text(other)
        assert folder.read().problems == ()
        assert folder.read().pods[WEB].uid == uid, other
    changed = [
        manifest(image="busybox:2"),
        text.replace("metadata:", "metadata:\n  labels: {a: b}"),
        text + "  restartPolicy: Never\n",
        text.replace("name: web", "namespace: other\n  name: web"),
    ]
    uids = {uid}
    for other in changed:
        (tmp_path / "web.yaml").write_text(other)
        uids |= {pod.uid for pod in folder.read().pods.values()}
    assert len(uids) == 1 + len(changed)
    (tmp_path / "web.yaml").write_text(text)
    assert read_folder(tmp_path, node_name="node2").pods[WEB].uid not in uids


def test_a_given_uid_is_left_aside_so_that_a_change_is_a_new_pod(tmp_path: Path) -> None:
    uid = "0b0c9d3e-7f0a-4a37-9a54-6f1d3f1f0c11"
    with_uid = manifest("web").replace("metadata:", f"metadata:\n  uid: {uid}")
    (tmp_path / "web.yaml").write_text(with_uid)
    first = read_folder(tmp_path, node_name="node1").pods[WEB].uid
    (tmp_path / "web.yaml").write_text(manifest("web"))
    assert uid != first == read_folder(tmp_path, node_name="node1").pods[WEB].uid


def test_two_pods_of_one_name(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, b=manifest(image="busybox:2"), a="\n" + manifest(image="busybox:1"))
    snapshot = folder.read()
    assert image_of(snapshot) == "busybox:1"
    assert said(snapshot) == [
        "b.yaml:1: metadata.name: pod default/web is already defined at a.yaml:2, which stays; "
        "accepted: another name here"
    ]
    assert snapshot.broken_files == frozenset()
    (tmp_path / "a.yaml").unlink()
    assert image_of(folder.read()) == "busybox:2"


def test_two_pods_of_one_name_in_one_file(tmp_path: Path) -> None:
    snapshot = folder_of(tmp_path, web=f"{manifest()}---\n{manifest(image='busybox:2')}").read()
    assert image_of(snapshot) == "busybox:1"
    assert said(snapshot)[0].startswith(
        "web.yaml:10: metadata.name: pod default/web is already defined at web.yaml:1"
    )


def test_a_typo_never_kills_a_pod(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, web=manifest(), other=manifest("other"))
    before = folder.read()
    for broken in (
        "kind: 'Pod\n",
        manifest().replace("image", "imag"),
        "",
        "apiVersion: apps/v1\nkind: Deployment",
    ):
        (tmp_path / "web.yaml").write_text(broken)
        snapshot = folder.read()
        assert snapshot.pods == before.pods
        assert snapshot.broken_files == {"web.yaml"}
        assert said(snapshot)[-1] == (
            "web.yaml: pod default/web runs on as it was last read, until this file is corrected or deleted"
        )
    (tmp_path / "web.yaml").write_text(manifest(image="busybox:2"))
    snapshot = folder.read()
    assert (image_of(snapshot), snapshot.problems, snapshot.broken_files) == ("busybox:2", (), frozenset())


def test_a_broken_file_that_is_deleted_takes_its_pods_with_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, web=manifest())
    folder.read()
    (tmp_path / "web.yaml").write_text("[")
    assert names(folder.read()) == ["default/web"]
    (tmp_path / "web.yaml").unlink()
    assert folder.read() == Snapshot()


def test_a_typo_in_one_document_leaves_the_others_current(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, web=f"{manifest()}---\n{manifest('b')}---\n{manifest('c')}")
    before = folder.read()
    bad = manifest("b").replace("image", "imag")
    (tmp_path / "web.yaml").write_text(f"{manifest(image='busybox:2')}---\n{bad}")
    snapshot = folder.read()
    assert image_of(snapshot) == "busybox:2"
    assert names(snapshot) == ["default/b", "default/c", "default/web"]
    assert snapshot.pods[PodKey("default", "b")] == before.pods[PodKey("default", "b")]
    # Broken in another way: what was read of the first document in between is remembered too.
    (tmp_path / "web.yaml").write_text("[")
    assert image_of(folder.read()) == "busybox:2"
    assert names(folder.read()) == ["default/b", "default/c", "default/web"]


def test_a_pod_that_moved_from_a_broken_file_is_read_where_it_is_now(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a=f"{manifest('a')}---\n{manifest()}")
    folder.read()
    (tmp_path / "a.yaml").write_text("[")
    (tmp_path / "b.yaml").write_text(manifest(image="busybox:2"))
    snapshot = folder.read()
    assert image_of(snapshot) == "busybox:2"
    assert [line for line in said(snapshot) if "runs on" in line] == [
        "a.yaml: pod default/a runs on as it was last read, until this file is corrected or deleted"
    ]


def test_a_file_broken_from_the_start_is_named_as_broken(tmp_path: Path) -> None:
    snapshot = folder_of(tmp_path, web="[", good=manifest("good")).read()
    assert names(snapshot) == ["default/good"]
    assert snapshot.broken_files == {"web.yaml"}
    assert not snapshot.is_blind


def test_a_folder_that_is_missing_keeps_its_pods(tmp_path: Path) -> None:
    place = tmp_path / "manifests"
    folder = ManifestFolder(place, node_name="node1")
    first = folder.read()
    assert (dict(first.pods), first.is_blind) == ({}, True)
    assert said(first) == [
        f"{place}: cannot read the manifests: the folder does not exist; accepted: a folder, which may be empty"
    ]
    place.mkdir()
    (place / "web.yaml").write_text(manifest())
    assert names(folder.read()) == ["default/web"]
    assert not folder.read().is_blind
    place.rename(tmp_path / "away")
    gone = folder.read()
    assert names(gone) == ["default/web"]
    assert gone.is_blind
    assert said(gone)[0].endswith("; the pods last read from it run on")
    place.mkdir()
    assert folder.read() == Snapshot()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(manifest())
    snapshot = read_folder(tmp_path / "web.yaml", node_name="node1")
    assert snapshot.is_blind
    assert "this is not a folder" in said(snapshot)[0]


def test_links_and_what_is_no_file(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "pod").write_text(manifest())
    (inside / "web.yaml").symlink_to("../out/pod")
    (inside / "dangling.yaml").symlink_to("../out/nothing")
    (inside / "folder.yaml").mkdir()
    os.mkfifo(inside / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(inside / "socket.yaml"))
    folder = ManifestFolder(inside, node_name="node1")
    snapshot = folder.read()
    assert names(snapshot) == ["default/web"]
    assert said(snapshot) == [
        "dangling.yaml: cannot read it: it is a link to ../out/nothing, which does not exist; "
        "accepted: a link to a file",
        "folder.yaml: cannot read it: it is a folder; accepted: a regular file",
        "pipe.yaml: cannot read it: it is a pipe; accepted: a regular file",
        "socket.yaml: cannot read it: it is a device or socket; accepted: a regular file",
    ]
    (outside / "pod").write_text(manifest(image="busybox:22"))
    assert image_of(folder.read()) == "busybox:22"
    (outside / "pod").unlink()
    assert image_of(folder.read()) == "busybox:22"
    assert "web.yaml" in folder.read().broken_files


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's right to read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """In a process that has given up root's rights; the folder itself is open to it."""
    (tmp_path / "web.yaml").write_text(manifest())
    (tmp_path / "web.yaml").chmod(0)
    tmp_path.chmod(0o755)
    code = (
        "import os, pathlib; from agent.sources.manifests import read_folder; os.setuid(65534);"
        "print(*read_folder(pathlib.Path('.'), node_name='n').problems, sep='\\n')"
    )
    path = {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == (
        "web.yaml: cannot read it: permission denied; accepted: a file that the node may read"
    ), done.stderr


def test_names_are_printable(tmp_path: Path) -> None:
    raw = os.fsdecode(b"caf\xe9\n\x1b[31m.yaml")
    (tmp_path / raw).write_text("[")
    snapshot = read_folder(tmp_path, node_name="node1")
    assert snapshot.broken_files == {r"caf\udce9\n\x1b[31m.yaml"}
    assert said(snapshot)[0].startswith(r"caf\udce9\n\x1b[31m.yaml:1: broken YAML")
    assert printable_name("käse 1.yaml") == "käse 1.yaml"


def test_nothing_is_read_twice_without_reason(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, web=manifest(), bad="[")
    old = 1_600_000_000
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    first = folder.read()
    assert folder.read() is first
    assert folder.look().changed == () or not all(file.seen.stamp for file in folder.look().changed)


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    """Same size, same stamps: only the bytes differ."""
    folder = folder_of(tmp_path, web=manifest(image="busybox:1"))
    path = tmp_path / "web.yaml"
    for number in range(20):
        assert image_of(folder.read()) == f"busybox:{1 + number % 2}"
        state = path.stat()
        path.write_text(manifest(image=f"busybox:{1 + (number + 1) % 2}"))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_snapshots_are_equal_however_they_came_about(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a=manifest("a"))
    folder.read()
    (tmp_path / "b.yaml").write_text(manifest("b"))
    (tmp_path / "c.yaml").write_text("[")
    assert folder.read() == read_folder(tmp_path, node_name="node1")
