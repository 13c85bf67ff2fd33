# SPDX-License-Identifier: Apache-2.0
"""Every kind of volume, as a container of a joined node finds it, and what kubectl says of those that cannot be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.cluster import pod as pod_of

pytestmark = pytest.mark.node

Json = dict[str, Any]

ONE_POD: dict[str, tuple[Json, Json]] = {
    # name -> volume, further fields of its mount
    "empty": ({"emptyDir": {}}, {}),
    "memory": ({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, {}),
    "parted": ({"emptyDir": {}}, {"subPath": "deep/er"}),
    "named": ({"emptyDir": {}}, {"subPathExpr": "$(WHO)"}),
    "config": ({"configMap": {"name": "settings"}}, {}),
    "items": (
        {
            "configMap": {
                "name": "settings",
                "defaultMode": 0o400,
                "items": [{"key": "color", "path": "a/b"}, {"key": "raw", "path": "raw", "mode": 0o755}],
            }
        },
        {},
    ),
    "key": ({"configMap": {"name": "settings"}}, {"subPath": "color"}),
    "absent": ({"configMap": {"name": "none", "optional": True}}, {}),
    "secret": ({"secret": {"secretName": "login"}}, {}),
    "downward": (
        {
            "downwardAPI": {
                "items": [
                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                    {
                        "path": "memory",
                        "resourceFieldRef": {
                            "containerName": "app",
                            "resource": "limits.memory",
                            "divisor": "1Mi",
                        },
                    },
                ]
            }
        },
        {},
    ),
    "projected": (
        {
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
                    {"secret": {"name": "login", "items": [{"key": "user", "path": "user"}]}},
                    {"configMap": {"name": "settings", "items": [{"key": "color", "path": "color"}]}},
                ]
            }
        },
        {},
    ),
    "claimed": ({"persistentVolumeClaim": {"claimName": "data"}}, {}),
    "readonly": ({"emptyDir": {}}, {"readOnly": True}),
}


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Iterator[Cluster]:
    """A pod that has one volume of each kind, mounted at /NAME."""
    disk = cluster.node.folder / "disk"
    disk.mkdir()
    (disk / "file").write_text("on the node\n")
    (disk / "file").chmod(0o600)
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings"},
            "data": {"color": "blue"},
            "binaryData": {"raw": "/wA="},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "login"},
            "stringData": {"user": "admin"},
        },
    )
    bind(cluster, "data", "pv-" + cluster.current, {"local": {"path": str(disk)}})
    volumes = [{"name": name, **source} for name, (source, _) in ONE_POD.items()]
    mounts = [{"name": name, "mountPath": f"/{name}", **more} for name, (_, more) in ONE_POD.items()]
    volumes.append({"name": "host", "hostPath": {"path": f"{disk}/made", "type": "DirectoryOrCreate"}})
    mounts.append({"name": "host", "mountPath": "/host"})
    init = {
        "name": "init",
        "image": "docker.io/local/busybox:1",
        "command": ["sh", "-c", "echo from init > /empty/init; umask 0; mkdir /memory/d"],
        "volumeMounts": [{"name": n, "mountPath": f"/{n}"} for n in ("empty", "memory")],
    }
    cluster.start(
        "all",
        metadata={"labels": {"app": "all"}},
        container={
            "volumeMounts": mounts,
            "env": [{"name": "WHO", "value": "me"}],
            "resources": {"limits": {"memory": "64Mi"}},
        },
        initContainers=[init],
        volumes=volumes,
        securityContext={"fsGroup": 2000},
    )
    yield cluster
    cluster.run("delete", "pv", "pv-" + cluster.current, "--wait=false", check=False)


def bind(cluster: Cluster, name: str, volume: str, source: Json) -> None:
    """A claim bound to a volume, as the controller does it that this control plane has not."""
    cluster.apply(claim(name, volume))
    node = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}
    bound_to = {"kind": "PersistentVolumeClaim", "namespace": cluster.current, "name": name}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "by-hand",
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
                "claimRef": {**bound_to, "uid": cluster.get("pvc", name)["metadata"]["uid"]},
                **source,
            },
        }
    )
    cluster.run("patch", "pvc", name, "--subresource=status", "-p", '{"status": {"phase": "Bound"}}')


def claim(name: str, volume_name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "by-hand",
            "volumeName": volume_name,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


# what is asked -> (script, what it prints)
FOUND = {
    "an init container's file": ("cat /empty/init", "from init\n"),
    "an empty folder's mode": ("stat -c '%a %g' /empty", "2777 2000\n"),
    "memory of its size": ("df -k /memory | tail -1 | awk '{print $1, $2}'", "tmpfs 1024\n"),
    "memory that is full": (
        "head -c 2000000 /dev/zero > /memory/x 2>/dev/null || rm /memory/x && echo full",
        "full\n",
    ),
    "a subPath": ("echo x > /parted/f && ls /parted", "f\n"),
    "a subPath by expression": ("touch /named/f && ls /named", "f\n"),
    "a ConfigMap": ("cat /config/color; ls /config", "bluecolor\nraw\n"),
    "binary data": ("od -An -tx1 /config/raw", " ff 00\n"),
    "items": ("cat /items/a/b; stat -Lc '%a %g' /items/a/b /items/raw", "blue440 2000\n755 2000\n"),
    "one key": ("cat /key", "blue"),
    "an optional ConfigMap": ("ls /absent | wc -l", "0\n"),
    "a Secret": ("cat /secret/user; df /secret | tail -1 | cut -d' ' -f1", "admintmpfs\n"),
    "labels": ("cat /downward/labels", 'app="all"'),
    "a limit": ("cat /downward/memory", "64"),
    "projected sources": (
        "cat /projected/user /projected/color; ls /projected",
        "adminbluecolor\ntoken\nuser\n",
    ),
    "a token": ("tr -cd . < /projected/token | wc -c", "2\n"),
    "a claim": ("cat /claimed/file; stat -c '%a %g' /claimed/file", "on the node\n660 2000\n"),
    "a path of the node": ("echo x > /host/f && cat /host/f", "x\n"),
    "hosts": ("tail -1 /etc/hosts | cut -f2", "all\n"),
}


@pytest.fixture(scope="module")
def found(pods: Cluster) -> dict[str, str]:
    """What each script prints, all of them run by one kubectl exec."""
    return pods.exec_all("all", {row: script for row, (script, _) in FOUND.items()})


@pytest.mark.parametrize("row", FOUND)
def test_a_container_finds(found: dict[str, str], row: str) -> None:
    assert found[row] == FOUND[row][1]


def test_what_is_only_read_cannot_be_written(pods: Cluster) -> None:
    folders = ("config", "secret", "downward", "projected", "readonly")
    told = pods.exec_all("all", {name: f"touch /{name}/x" for name in folders})
    assert {name: text.rpartition(": ")[2] for name, text in told.items()} == dict.fromkeys(
        folders, "Read-only file system\n"
    )


def test_a_token_is_the_pods_own(pods: Cluster) -> None:
    token = pods.exec("all", "cat", "/projected/token")
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token.strip()},
    }
    made = pods.run("create", "-o", "json", "-f", "-", stdin=json.dumps(review))
    assert f"system:serviceaccount:{pods.current}:default" in made
    assert pods.pod("all")["metadata"]["uid"] in made


def test_an_update_arrives_in_the_container(pods: Cluster) -> None:
    pods.run("create", "configmap", "live", "--from-literal=k=old")
    pods.start(
        "live",
        container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        volumes=[{"name": "v", "configMap": {"name": "live"}}],
    )
    assert pods.exec("live", "cat", "/v/k") == "old"
    pods.run("patch", "configmap", "live", "-p", '{"data": {"k": "new", "more": "x"}}')
    pods.until(lambda: pods.exec("live", "cat", "/v/k") == "new", lambda: pods.explain("live"))
    assert pods.exec("live", "cat", "/v/more") == "x"
    pods.delete("live")


def test_a_changed_label_arrives_in_the_container(pods: Cluster) -> None:
    pods.run("label", "pod", "all", "tier=back")
    pods.until(
        lambda: 'tier="back"' in pods.exec("all", "cat", "/downward/labels"), lambda: pods.explain("all")
    )


BROKEN: dict[str, tuple[Json, str]] = {
    "configmap": (
        {"configMap": {"name": "none"}},
        'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
    ),
    "secret": ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
    "key": (
        {"configMap": {"name": "settings", "items": [{"key": "k", "path": "k"}]}},
        "references non-existent config key: k",
    ),
    "hostpath": (
        {"hostPath": {"path": "/no/such/file", "type": "File"}},
        "hostPath type check failed: /no/such/file is not a file",
    ),
    "claim": (
        {"persistentVolumeClaim": {"claimName": "none"}},
        'persistentvolumeclaim "none" not found',
    ),
}


def bad(name: str, source: Json) -> Json:
    return pod_of(
        name,
        container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        volumes=[{"name": "v", **source}],
        nodeName="node1",
    )


@pytest.mark.parametrize("row", BROKEN)
def test_a_volume_that_cannot_be_is_told_by_an_event(pods: Cluster, row: str) -> None:
    source, words = BROKEN[row]
    pods.apply(bad(f"bad-{row}", source))
    pods.await_event(f"bad-{row}", "FailedMount", words)
    assert pods.pod(f"bad-{row}")["status"]["phase"] == "Pending"
    pods.delete(f"bad-{row}")


def test_a_pod_runs_once_its_volume_can_be(pods: Cluster) -> None:
    pods.apply(bad("late", {"secret": {"secretName": "late"}}))
    pods.await_event("late", "FailedMount", 'secret "late" not found')
    pods.run("create", "secret", "generic", "late", "--from-literal=k=v")
    pods.await_ready("late")
    assert pods.exec("late", "cat", "/v/k") == "v"
    pods.delete("late")


def test_a_kind_that_the_node_has_not_fails_the_pod_by_name(pods: Cluster) -> None:
    pods.apply(bad("foreign", {"csi": {"driver": "disk.example.com"}}))
    pod = pods.await_pod("foreign", lambda pod: pod.get("status", {}).get("phase") == "Failed")
    assert "spec.volumes[0].csi" in pod["status"]["message"]
    pods.delete("foreign")


def test_mounts_of_a_sidecar_show_up_in_the_app(pods: Cluster) -> None:
    """What a FUSE sidecar does: a privileged container mounts, another one sees it."""
    mounter = {
        "name": "mounter",
        "image": "docker.io/local/busybox:1",
        "command": ["sh", "-c", "mkdir /v/m && mount -t tmpfs t /v/m && echo seen > /v/m/f && sleep 100000"],
        "securityContext": {"privileged": True},
        "volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}],
    }
    app = {
        "name": "app",
        "image": "docker.io/local/busybox:1",
        "command": ["sleep", "100000"],
        "volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "HostToContainer"}],
    }
    pods.start("fuse", containers=[mounter, app], volumes=[{"name": "v", "emptyDir": {}}])
    pods.until(
        lambda: pods.exec("fuse", "cat", "/v/m/f", check=False) == "seen\n", lambda: pods.explain("fuse")
    )
    uid = pods.pod("fuse")["metadata"]["uid"]
    pods.delete("fuse")
    await_nothing_left(pods, uid)


def test_nothing_of_a_deleted_pod_is_left_and_a_claims_data_is(pods: Cluster) -> None:
    pods.start(
        "gone",
        container={
            "volumeMounts": [
                {"name": "m", "mountPath": "/m", "subPath": "x"},
                {"name": "d", "mountPath": "/d", "subPath": "kept"},
            ]
        },
        volumes=[
            {"name": "m", "emptyDir": {"medium": "Memory"}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
        ],
    )
    pods.exec("gone", "sh", "-c", "echo x > /d/f")
    uid = pods.pod("gone")["metadata"]["uid"]
    assert left_of(pods, uid)
    pods.delete("gone")
    await_nothing_left(pods, uid)
    assert (pods.node.folder / "disk/kept/f").read_text() == "x\n"


def await_nothing_left(cluster: Cluster, uid: str) -> None:
    """A pod without a grace period leaves the API server before its node has taken it down."""
    cluster.until(lambda: left_of(cluster, uid) == [], lambda: str(left_of(cluster, uid)))


def left_of(cluster: Cluster, uid: str) -> list[str]:
    """Folders and mounts of a pod on the node."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    folder = cluster.node.agent_state / "pods" / uid
    mounted = [line for line in lines if uid in line and "/pods/" in line]
    return [*([str(folder)] if folder.exists() else []), *mounted]


def test_a_pod_that_fills_its_volume_is_evicted(pods: Cluster) -> None:
    pods.start(
        "greedy",
        "head -c 1000000 /dev/zero > /v/x; sleep 100000",
        wait=False,
        container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        volumes=[{"name": "v", "emptyDir": {"sizeLimit": "64Ki"}}],
    )
    pod = pods.await_pod("greedy", lambda pod: pod.get("status", {}).get("phase") == "Failed")
    assert pod["status"]["reason"] == "Evicted"
    assert 'Usage of EmptyDir volume "v" exceeds the limit "64Ki"' in pod["status"]["message"]
    pods.await_event("greedy", "Evicted")
    pods.delete("greedy")
