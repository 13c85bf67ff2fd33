# SPDX-License-Identifier: Apache-2.0
"""Volumes that are places: emptyDir, hostPath, claims, NFS, images; who owns them, and that they go away."""

import os
import signal
import socket
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lightkube.models import core_v1, meta_v1

from agent.pod.errors import ConfigError
from agent.volume.errors import VolumeError
from agent.volume.mountinfo import below, is_mount_point
from agent.volume.syscalls import mount
from cri.model import IdMapping, Mount, MountPropagation, NamespaceMode, RuntimeHandler, UserNamespace
from tests.support.held_objects import HeldObjects, config_map
from tests.support.mountns import SECONDS, in_mount_namespace
from tests.support.volumes import FACTS, UID, Kit, mode, pod_with

EMPTY: dict[str, tuple[dict[str, Any], dict[str, Any], int, int]] = {
    "plain": ({}, {}, 0o777, 0),
    "mode": ({"mode": 0o1770}, {}, 0o1770, 0),
    "group": ({}, {"fsGroup": 2000}, 0o2777, 2000),
    "memory": ({"medium": "Memory"}, {}, 0o777, 0),
    "memory with a group": ({"medium": "Memory"}, {"fsGroup": 2000}, 0o2777, 2000),
}


@pytest.mark.parametrize("row", EMPTY)
@in_mount_namespace
def test_empty_dir(tmp_path: Path, row: str) -> None:
    source, security, bits, gid = EMPTY[row]
    kit = Kit(tmp_path)
    desired = pod_with([{"name": "v", "emptyDir": source}], securityContext=security)
    kit.prepare(desired)
    made = kit.mounts(desired)["/v"]
    folder = Path(made.host_path)
    assert (mode(folder), folder.stat().st_gid) == (bits, gid)
    assert not made.readonly
    assert is_mount_point(folder) is ("medium" in source)
    (folder / "kept").write_text("x")
    folder.chmod(0o700)
    kit.prepare(desired)
    assert (folder / "kept").read_text() == "x"
    assert mode(folder) == 0o700, "what containers did to it stays"
    kit.teardown()
    assert not (tmp_path / "pods" / UID).exists()


SIZES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "limit": ({"sizeLimit": "1Mi"}, {}, 1 << 20),
    "the pod's memory": ({}, {"resources": {"limits": {"memory": "8Mi"}}}, 8 << 20),
    "the least": ({"sizeLimit": "16Mi"}, {"resources": {"limits": {"memory": "8Mi"}}}, 8 << 20),
    "the node's memory": ({}, {}, 1 << 30),
}


@pytest.mark.parametrize("row", SIZES)
@in_mount_namespace
def test_memory_is_as_large_as_it_may_be(tmp_path: Path, row: str) -> None:
    source, container, size = SIZES[row]
    kit = Kit(tmp_path)
    desired = pod_with([{"name": "v", "emptyDir": {"medium": "Memory", **source}}], container=container)
    kit.prepare(desired)
    status = os.statvfs(kit.place(desired, "/v"))
    assert status.f_blocks * status.f_frsize == size


@in_mount_namespace
def test_who_writes_past_the_limit_is_named(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    volumes = [
        {"name": "small", "emptyDir": {"sizeLimit": "64Ki"}},
        {"name": "large", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "free", "emptyDir": {}},
    ]
    desired = pod_with(volumes)
    kit.prepare(desired)
    small = kit.place(desired, "/small")
    (small / "deep").mkdir()
    (small / "deep/file").write_bytes(b"x" * 60_000)
    os.link(small / "deep/file", small / "again")
    (small / "hole").touch()
    os.truncate(small / "hole", 1 << 30)
    assert kit.run(lambda: kit.volumes.over_limit(desired)) == ()
    (small / "more").write_bytes(b"x" * 20_000)
    (found,) = kit.run(lambda: kit.volumes.over_limit(desired))
    assert str(found) == 'Usage of EmptyDir volume "small" exceeds the limit "64Ki". '
    assert found.used > 65536


def make(path: Path, kind: str) -> None:
    match kind:
        case "Directory":
            path.mkdir()
        case "File":
            path.touch()
        case "Socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(path))
        case "CharDevice":
            path.symlink_to("/dev/null")
        case "BlockDevice":
            os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(254, 99))


KINDS = ("Directory", "File", "Socket", "CharDevice", "BlockDevice")


@pytest.mark.parametrize("there", [*KINDS, "nothing"])
@pytest.mark.parametrize("asked", ["", *KINDS, "DirectoryOrCreate", "FileOrCreate"])
@in_mount_namespace
def test_host_path(tmp_path: Path, asked: str, there: str) -> None:
    path = tmp_path / "p"
    make(path, there)
    kit = Kit(tmp_path / "root")
    desired = pod_with([{"name": "v", "hostPath": {"path": str(path), "type": asked}}])
    good = not asked or asked.removesuffix("OrCreate") == there
    if good or (there == "nothing" and asked.endswith("OrCreate")):
        kit.prepare(desired)
        assert kit.mounts(desired)["/v"].host_path == str(path)
        if there == "nothing" and asked:
            assert mode(path) == (0o755 if path.is_dir() else 0o644)
        assert path.exists() or not asked
        return
    with pytest.raises(VolumeError, match=f"hostPath type check failed: {path} is not a"):
        kit.prepare(desired)


def claim(name: str = "data", volume: str = "pv", phase: str = "Bound") -> core_v1.PersistentVolumeClaim:
    return core_v1.PersistentVolumeClaim(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default", uid="c1"),
        spec=core_v1.PersistentVolumeClaimSpec(volumeName=volume),
        status=core_v1.PersistentVolumeClaimStatus(phase=phase),
    )


def volume(**spec: Any) -> core_v1.PersistentVolume:
    made = core_v1.PersistentVolume.from_dict(
        {"metadata": {"name": "pv"}, "spec": {"claimRef": {"uid": "c1"}, **spec}}
    )
    assert isinstance(made, core_v1.PersistentVolume)
    return made


CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}


def on_node(name: str) -> dict[str, Any]:
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


@pytest.mark.parametrize("kind", ["hostPath", "local"])
@in_mount_namespace
def test_a_claim_is_the_folder_that_its_volume_names_and_outlives_the_pod(tmp_path: Path, kind: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    kit = Kit(
        tmp_path / "root",
        HeldObjects(claim(), volume(**{kind: {"path": str(disk)}}, nodeAffinity=on_node("node1"))),
    )
    desired = pod_with([CLAIM])
    kit.prepare(desired)
    (kit.place(desired, "/v") / "file").write_text("x")
    kit.objects.why = "the API server is away"
    Kit(tmp_path / "root", kit.objects).prepare(desired)
    kit.teardown()
    assert (disk / "file").read_text() == "x"


CLAIMS: dict[str, tuple[list[Any], str]] = {
    "no claim": ([], 'error processing PVC default/data: persistentvolumeclaim "data" not found'),
    "pending": ([claim(phase="Pending", volume="")], "error processing PVC default/data: PVC is not bound"),
    "no volume": ([claim()], 'persistentvolume "pv" not found'),
    "another's": ([claim(), volume(claimRef={"uid": "c2"})], "PV pv is bound to another claim, of uid c2"),
    "another node's": (
        [claim(), volume(local={"path": "/"}, nodeAffinity=on_node("node2"))],
        "PV pv cannot be used on node node1: no matching NodeSelectorTerms",
    ),
    "no folder": ([claim(), volume(local={"path": "/no/such"})], "/no/such is not a directory"),
    "wrong type": ([claim(), volume(hostPath={"path": "/", "type": "File"})], "/ is not a file"),
    "block": ([claim(), volume(local={"path": "/"}, volumeMode="Block")], "volumeMode Block"),
    "csi": (
        [claim(), volume(csi={"driver": "d", "volumeHandle": "h"})],
        "PV pv is of csi, which is not supported",
    ),
}


@pytest.mark.parametrize("row", CLAIMS)
@in_mount_namespace
def test_a_claim_that_cannot_be_used_is_told(tmp_path: Path, row: str) -> None:
    objects, words = CLAIMS[row]
    with pytest.raises(VolumeError) as caught:
        Kit(tmp_path, HeldObjects(*objects)).prepare(pod_with([CLAIM]))
    assert words in str(caught.value)


def tree_of(disk: Path) -> Path:
    outside = disk.parent / "outside"
    outside.write_text("x")
    outside.chmod(0o600)
    (disk / "deep").mkdir(parents=True, mode=0o700)
    (disk / "deep/file").touch(0o600)
    (disk / "deep/tool").touch(0o4755)
    (disk / "deep/tool").chmod(0o4755)
    (disk / "link").symlink_to(outside)
    return outside


@in_mount_namespace
def test_fs_group_owns_a_claims_tree_and_nothing_outside(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    outside = tree_of(disk)
    kit = Kit(tmp_path / "root", HeldObjects(claim(), volume(local={"path": str(disk)})))
    kit.prepare(pod_with([CLAIM], securityContext={"fsGroup": 2000}))
    for path, bits in {"": 0o2775, "deep": 0o2770, "deep/file": 0o660, "deep/tool": 0o4775}.items():
        assert (mode(disk / path), (disk / path).stat().st_gid) == (bits, 2000), path
    assert ((disk / "link").lstat().st_gid, outside.stat().st_gid, mode(outside)) == (2000, 0, 0o600)


@pytest.mark.parametrize(("policy", "gid"), [("Always", 2000), ("OnRootMismatch", 0)])
@in_mount_namespace
def test_fs_group_change_policy(tmp_path: Path, policy: str, gid: int) -> None:
    disk = tmp_path / "disk"
    tree_of(disk)
    os.chown(disk, -1, 2000)
    disk.chmod(0o2770)
    kit = Kit(tmp_path / "root", HeldObjects(claim(), volume(local={"path": str(disk)})))
    kit.prepare(pod_with([CLAIM], securityContext={"fsGroup": 2000, "fsGroupChangePolicy": policy}))
    assert (disk / "deep/file").stat().st_gid == gid


HELPER = """#!/bin/sh
echo "$@" >> {log}
[ "$1" = "[fd00::1]:/fail" ] && {{ echo "mount.nfs: access denied by server" >&2; exit 32; }}
exec mount -t tmpfs tmpfs "$2"
"""


@in_mount_namespace
def test_nfs_is_mounted_once_by_the_helper_and_unmounted(tmp_path: Path) -> None:
    helper, log = tmp_path / "mount.nfs", tmp_path / "log"
    helper.write_text(HELPER.format(log=log))
    helper.chmod(0o755)
    nfs = {"server": "192.0.2.9", "path": "/export"}
    kit = Kit(
        tmp_path / "root",
        HeldObjects(claim(), volume(nfs=nfs, mountOptions=["vers=4.2"])),
        node={"nfs_helper": helper},
    )
    desired = pod_with([{"name": "n", "nfs": {**nfs, "readOnly": True}}, CLAIM])
    kit.prepare(desired)
    kit.prepare(desired)
    folder = tmp_path / "root/pods" / UID / "volumes"
    assert log.read_text().splitlines() == [
        f"192.0.2.9:/export {folder}/kubernetes.io~nfs/n -o ro",
        f"192.0.2.9:/export {folder}/kubernetes.io~claim/v -o vers=4.2",
    ]
    kit.teardown()
    assert below(tmp_path / "root") == ()
    bad = pod_with([{"name": "n", "nfs": {"server": "fd00::1", "path": "/fail"}}])
    with pytest.raises(VolumeError, match="access denied by server"):
        kit.prepare(bad)
    with pytest.raises(VolumeError, match=r"mount\.none.*install the package nfs-common"):
        Kit(tmp_path / "other", node={"nfs_helper": tmp_path / "mount.none"}).prepare(bad)


@in_mount_namespace
def test_images_are_mounted_where_the_runtime_can(tmp_path: Path) -> None:
    desired = pod_with(
        [{"name": "i", "image": {"reference": "local/data:1"}}],
        [{"name": "i", "mountPath": "/i", "subPath": "docs"}],
    )
    with pytest.raises(VolumeError, match=r"need a runtime that mounts images, such as containerd 2\.1"):
        Kit(tmp_path).prepare(desired)
    kit = Kit(tmp_path, node={"image_volumes": True})
    kit.prepare(desired)
    assert kit.mounts(desired)["/i"] == Mount(
        "/i", "", readonly=True, image="local/data:1", image_sub_path="docs"
    )


def one_mount(kit: Kit, **mount: Any) -> Mount:
    desired = pod_with([{"name": "v", "emptyDir": {}}], [{"name": "v", "mountPath": "/v", **mount}])
    kit.prepare(desired)
    return kit.mounts(desired)["/v"]


ABLE = {"handlers": {"": RuntimeHandler("", recursive_readonly_mounts=True)}, "mount_options": True}


@in_mount_namespace
def test_flags_of_a_mount(tmp_path: Path) -> None:
    plain, able = Kit(tmp_path), Kit(tmp_path, node=ABLE)
    assert one_mount(plain, readOnly=True).readonly
    assert one_mount(plain, mountPropagation="None").propagation is MountPropagation.PRIVATE
    assert not one_mount(plain, readOnly=True, recursiveReadOnly="IfPossible").recursive_readonly
    assert one_mount(able, readOnly=True, recursiveReadOnly="IfPossible").recursive_readonly
    assert one_mount(able, readOnly=True, recursiveReadOnly="Enabled").recursive_readonly
    assert not one_mount(able, readOnly=True, recursiveReadOnly="Disabled").recursive_readonly
    with pytest.raises(ConfigError, match="recursiveReadOnly: Enabled"):
        one_mount(plain, readOnly=True, recursiveReadOnly="Enabled")
    assert one_mount(able, bindMountOptions=["noexec"]).options == ("noexec",)
    with pytest.raises(ConfigError, match="bindMountOptions"):
        one_mount(plain, bindMountOptions=["noexec"])


@pytest.mark.parametrize("medium", ["", "Memory"])
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("HostToContainer", MountPropagation.HOST_TO_CONTAINER),
        ("Bidirectional", MountPropagation.BIDIRECTIONAL),
    ],
)
@in_mount_namespace
def test_a_volume_in_which_mounts_are_shared_is_a_shared_mount(
    tmp_path: Path, asked: str, given: MountPropagation, medium: str
) -> None:
    kit = Kit(tmp_path)
    desired = pod_with(
        [{"name": "v", "emptyDir": {"medium": medium}}],
        [{"name": "v", "mountPath": "/v", "mountPropagation": asked}],
    )
    kit.prepare(desired)
    kit.prepare(desired)
    made = kit.mounts(desired)["/v"]
    assert made.propagation is given
    lines = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if made.host_path in line]
    assert len(lines) == 1
    assert " shared:" in lines[0]
    inner = Path(made.host_path) / "inner"
    inner.mkdir()
    mount("tmpfs", inner, "tmpfs")
    kit.teardown()
    assert below(tmp_path) == ()


@in_mount_namespace
def test_mounts_of_a_pod_with_its_own_users(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    desired = pod_with([{"name": "v", "emptyDir": {}}])
    kit.prepare(desired)
    ids = (IdMapping(65536, 0, 65536),)
    user = UserNamespace(NamespaceMode.POD, ids, ids)
    assert all(
        made.uid_mappings == made.gid_mappings == ids for made in kit.mounts(desired, user=user).values()
    )


@in_mount_namespace
def test_hosts_file(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    desired = pod_with(hostAliases=[{"ip": "192.0.2.7", "hostnames": ["other"]}])
    file = kit.place(desired, "/etc/hosts")
    text = file.read_text()
    assert text.splitlines()[-4:] == [
        "10.244.1.7\tweb",
        "",
        "# Entries added by HostAliases.",
        "192.0.2.7\tother",
    ]
    inode = file.stat().st_ino
    kit.facts = replace(FACTS, pod_ips=("10.244.1.8",))
    kit.mounts(desired)
    assert "10.244.1.8\tweb" in file.read_text()
    assert (file.stat().st_ino, mode(file)) == (inode, 0o644), "containers have this very file mounted"
    kit.facts = replace(FACTS, pod_ips=())
    assert "/etc/hosts" not in kit.mounts(desired)
    own = pod_with([{"name": "v", "emptyDir": {}}], [{"name": "v", "mountPath": "/etc/hosts"}])
    kit.facts = FACTS
    kit.prepare(own)
    assert kit.mounts(own)["/etc/hosts"].host_path.endswith("/v")


@in_mount_namespace
def test_a_mount_of_no_volume_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='cannot find volume "x" to mount into container "app"'):
        Kit(tmp_path).mounts(pod_with([], [{"name": "x", "mountPath": "/x"}]))


@in_mount_namespace
def test_removal_needs_no_spec_and_spares_what_was_only_mounted(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "data").mkdir(parents=True)
    kit = Kit(tmp_path / "root", HeldObjects(config_map("c", {"k": "v"})))
    desired = pod_with(
        [
            {"name": "c", "configMap": {"name": "c"}},
            {"name": "m", "emptyDir": {"medium": "Memory"}},
            {"name": "h", "hostPath": {"path": str(outside)}},
        ],
        [
            {"name": "c", "mountPath": "/k", "subPath": "k"},
            {"name": "h", "mountPath": "/h", "subPath": "data"},
            {"name": "m", "mountPath": "/m"},
        ],
    )
    kit.prepare(desired)
    kit.mounts(desired)
    assert kit.volumes.uids() == {UID}
    Kit(tmp_path / "root").teardown()
    assert kit.volumes.uids() == frozenset()
    assert below(tmp_path / "root") == ()
    assert (outside / "data").is_dir()
    kit.teardown()


@pytest.mark.parametrize("uid", ["", ".", "..", "../../etc", "a/b", "x" * 256, "a\0b"])
@in_mount_namespace
def test_a_uid_that_leads_elsewhere_removes_nothing(tmp_path: Path, uid: str) -> None:
    (tmp_path / "pods/other").mkdir(parents=True)
    with pytest.raises(VolumeError, match="as the name of a folder"):
        Kit(tmp_path).teardown(uid)
    assert (tmp_path / "pods/other").is_dir()


CHANGES = {"os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.chmod", "os.chown"}


def killed(kit: Kit, work: str, step: int) -> bool:
    """Do prepare and mounts, or teardown, in a child that dies before its change number `step`; whether it died."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        count = 0

        def audit(event: str, args: tuple[Any, ...]) -> None:
            nonlocal count
            creates = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
            if event in CHANGES or creates or (event == "ctypes.dlsym" and args[1] in ("mount", "umount2")):
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1

        sys.addaudithook(audit)
        # Threads do not come along into a child.
        anew = Kit(kit.root, kit.objects)
        if work == "prepare":
            anew.prepare(everything())
            anew.mounts(everything())
        else:
            anew.teardown()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def everything() -> Any:
    return pod_with(
        [
            {"name": "c", "configMap": {"name": "c"}},
            {"name": "e", "emptyDir": {}},
            {"name": "m", "emptyDir": {"medium": "Memory"}},
            CLAIM,
        ],
        [
            {"name": "c", "mountPath": "/c"},
            {"name": "e", "mountPath": "/e", "subPath": "a/b"},
            {"name": "m", "mountPath": "/m", "mountPropagation": "HostToContainer"},
            {"name": "v", "mountPath": "/v"},
        ],
        securityContext={"fsGroup": 2000},
    )


@pytest.mark.parametrize("work", ["prepare", "teardown"])
@in_mount_namespace
def test_killed_at_any_step_the_next_agent_finishes(tmp_path: Path, work: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    kit = Kit(
        tmp_path / "root",
        HeldObjects(config_map("c", {"k": "v"}), claim(), volume(local={"path": str(disk)})),
    )
    step, deaths = 0, True
    while deaths and step < 200:
        if work == "teardown":
            kit.prepare(everything())
            kit.mounts(everything())
        deaths = killed(kit, work, step)
        if work == "prepare":
            kit.prepare(everything())
            places = {where: Path(made.host_path) for where, made in kit.mounts(everything()).items()}
            assert (places["/c"] / "k").read_text() == "v"
            assert {where: mode(places[where]) for where in ("/c", "/e", "/m", "/v")} == {
                "/c": 0o2777,
                "/e": 0o2777,
                "/m": 0o2777,
                "/v": 0o2775,
            }
        kit.teardown()
        assert list((tmp_path / "root/pods").iterdir()) == []
        assert below(tmp_path / "root") == ()
        step += 1
    assert not deaths
    assert step > 10
