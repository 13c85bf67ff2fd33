# SPDX-License-Identifier: Apache-2.0
"""Validation and defaults of volumes, mounts, environment, security contexts and names: a row a rule."""

from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1

from kube.defaults import pod_with_defaults
from kube.pod_validation import check_pod
from kube.problem import ProblemKind

R, V, U = ProblemKind.REQUIRED, ProblemKind.INVALID, ProblemKind.UNSUPPORTED
D, F = ProblemKind.DUPLICATE, ProblemKind.FORBIDDEN


def pod(container: dict[str, Any] | None = None, **spec: Any) -> core_v1.Pod:
    app = {"name": "app", "image": "busybox:1", **(container or {})}
    made = core_v1.Pod.from_dict({"metadata": {"name": "web"}, "spec": {"containers": [app], **spec}})
    assert isinstance(made, core_v1.Pod)
    return pod_with_defaults(made)


def problems(model: core_v1.Pod) -> list[tuple[str, ProblemKind]]:
    return [(problem.field.removeprefix("spec."), problem.kind) for problem in check_pod(model)]


def volume(**source: Any) -> core_v1.Pod:
    return pod(volumes=[{"name": "v", **source}])


GOOD: dict[str, core_v1.Pod] = {
    "no kind is an empty folder": volume(),
    "empty folder": volume(emptyDir={"medium": "Memory", "sizeLimit": "1Mi", "mode": 0o1777}),
    "host path": volume(hostPath={"path": "/a..b", "type": "DirectoryOrCreate"}),
    "config map": volume(configMap={"name": "c", "items": [{"key": "k", "path": "a/..b", "mode": 0o400}]}),
    "downward": volume(
        downwardAPI={
            "items": [
                {"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "o", "fieldRef": {"fieldPath": "metadata.annotations['a.b/c']"}},
                {
                    "path": "m",
                    "resourceFieldRef": {
                        "containerName": "app",
                        "resource": "limits.memory",
                        "divisor": "1Mi",
                    },
                },
            ]
        }
    ),
    "token": volume(projected={"sources": [{"serviceAccountToken": {"path": "t"}}]}),
    "another kind": volume(csi={"driver": "d"}),
    "environment": pod(
        {
            "env": [
                {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}},
                {
                    "name": "b.c-d e",
                    "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}},
                },
                {"name": "C", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "a/b", "key": "K"}}},
            ],
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}],
        }
    ),
    "security": pod(
        {
            "securityContext": {
                "privileged": True,
                "procMount": "Default",
                "seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"},
            }
        },
        securityContext={"sysctls": [{"name": "net/ipv4/tcp_rmem", "value": "1"}], "fsGroup": 0},
    ),
    "names": pod(hostAliases=[{"ip": "fd00::1", "hostnames": ["a.b"]}], hostnameOverride="a.b"),
    "mounts": pod(
        {
            "volumeMounts": [
                {"name": "v", "mountPath": "/a", "subPath": "x/..y"},
                {"name": "v", "mountPath": "/b", "subPathExpr": "$(A)"},
                {"name": "v", "mountPath": "/c", "readOnly": True, "recursiveReadOnly": "Enabled"},
            ]
        },
        volumes=[{"name": "v"}],
    ),
}


@pytest.mark.parametrize("row", GOOD)
def test_what_is_right_has_no_problem(row: str) -> None:
    assert problems(GOOD[row]) == []


def items(**item: Any) -> core_v1.Pod:
    return volume(configMap={"name": "c", "items": [{"key": "k", "path": "p", **item}]})


VOLUMES: dict[str, tuple[core_v1.Pod, list[tuple[str, ProblemKind]]]] = {
    "name": (pod(volumes=[{"name": "A"}]), [("volumes[0].name", V)]),
    "same name": (pod(volumes=[{"name": "v"}, {"name": "v"}]), [("volumes[1].name", D)]),
    "two kinds": (volume(emptyDir={}, secret={"secretName": "s"}), [("volumes[0].secret", F)]),
    "host path": (volume(hostPath={"path": ""}), [("volumes[0].hostPath.path", R)]),
    "host path out": (volume(hostPath={"path": "/a/../b"}), [("volumes[0].hostPath.path", V)]),
    "host path type": (volume(hostPath={"path": "/a", "type": "Fifo"}), [("volumes[0].hostPath.type", U)]),
    "medium": (volume(emptyDir={"medium": "Disk"}), [("volumes[0].emptyDir.medium", U)]),
    "size": (volume(emptyDir={"sizeLimit": "-1"}), [("volumes[0].emptyDir.sizeLimit", V)]),
    "unreadable size": (volume(emptyDir={"sizeLimit": "lots"}), [("volumes[0].emptyDir.sizeLimit", V)]),
    "folder mode": (volume(emptyDir={"mode": 0o2777}), [("volumes[0].emptyDir.mode", V)]),
    "config map": (volume(configMap={}), [("volumes[0].configMap.name", R)]),
    "secret": (volume(secret={}), [("volumes[0].secret.secretName", R)]),
    "mode": (volume(secret={"secretName": "s", "defaultMode": 512}), [("volumes[0].secret.defaultMode", V)]),
    "key": (items(key=""), [("volumes[0].configMap.items[0].key", R)]),
    "no path": (items(path=""), [("volumes[0].configMap.items[0].path", R)]),
    "absolute": (items(path="/p"), [("volumes[0].configMap.items[0].path", V)]),
    "up": (items(path="a/../../p"), [("volumes[0].configMap.items[0].path", V)]),
    "reserved": (items(path="..data"), [("volumes[0].configMap.items[0].path", V)]),
    "item mode": (items(mode=-1), [("volumes[0].configMap.items[0].mode", V)]),
    "downward field": (
        volume(downwardAPI={"items": [{"path": "a", "fieldRef": {"fieldPath": "status.podIP"}}]}),
        [("volumes[0].downwardAPI.items[0].fieldRef.fieldPath", U)],
    ),
    "downward of nobody": (
        volume(downwardAPI={"items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}}]}),
        [("volumes[0].downwardAPI.items[0].resourceFieldRef.containerName", R)],
    ),
    "downward nothing": (
        volume(downwardAPI={"items": [{"path": "a"}]}),
        [("volumes[0].downwardAPI.items[0]", R)],
    ),
    "token too short": (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 599}}]}),
        [("volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds", V)],
    ),
    "empty source": (volume(projected={"sources": [{}]}), [("volumes[0].projected.sources[0]", R)]),
    "bundle": (
        volume(projected={"sources": [{"clusterTrustBundle": {"path": "p"}}]}),
        [("volumes[0].projected.sources[0].clusterTrustBundle", R)],
    ),
    "nfs": (
        volume(nfs={"server": "", "path": "a"}),
        [("volumes[0].nfs.server", R), ("volumes[0].nfs.path", V)],
    ),
    "claim": (
        volume(persistentVolumeClaim={"claimName": ""}),
        [("volumes[0].persistentVolumeClaim.claimName", R)],
    ),
    "image": (
        volume(image={"pullPolicy": "x"}),
        [("volumes[0].image.reference", R), ("volumes[0].image.pullPolicy", U)],
    ),
}


@pytest.mark.parametrize("row", VOLUMES)
def test_volume(row: str) -> None:
    model, expected = VOLUMES[row]
    assert problems(model) == expected


MOUNTS: dict[str, tuple[dict[str, Any], list[tuple[str, ProblemKind]]]] = {
    "no such volume": ({"name": "w"}, [("name", ProblemKind.NOT_FOUND)]),
    "no path": ({"mountPath": ""}, [("mountPath", R)]),
    "absolute": ({"subPath": "/a"}, [("subPath", V)]),
    "up": ({"subPath": "a/../b"}, [("subPath", V)]),
    "up by expression": ({"subPathExpr": "../$(A)"}, [("subPathExpr", V)]),
    "both": ({"subPath": "a", "subPathExpr": "a"}, [("subPathExpr", F)]),
    "propagation": ({"mountPropagation": "Shared"}, [("mountPropagation", U)]),
    "not privileged": ({"mountPropagation": "Bidirectional"}, [("mountPropagation", F)]),
    "recursive": ({"readOnly": True, "recursiveReadOnly": "Yes"}, [("recursiveReadOnly", U)]),
    "recursive and writable": ({"recursiveReadOnly": "Enabled"}, [("recursiveReadOnly", F)]),
    "recursive and shared": (
        {"readOnly": True, "recursiveReadOnly": "IfPossible", "mountPropagation": "HostToContainer"},
        [("recursiveReadOnly", F)],
    ),
    "options": ({"bindMountOptions": ["noexec", "exec"]}, [("bindMountOptions", U)]),
}


@pytest.mark.parametrize("row", MOUNTS)
def test_mount(row: str) -> None:
    mount, expected = MOUNTS[row]
    model = pod({"volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]}, volumes=[{"name": "v"}])
    at = "containers[0].volumeMounts[0]"
    assert problems(model) == [(f"{at}.{field}", kind) for field, kind in expected]


def test_a_path_is_mounted_on_once() -> None:
    mounts = [{"name": "v", "mountPath": "/v"}] * 2
    assert problems(pod({"volumeMounts": mounts}, volumes=[{"name": "v"}])) == [
        ("containers[0].volumeMounts[1].mountPath", V)
    ]


def from_(**source: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "valueFrom": source}]}


AT = "env[0].valueFrom"
CONTAINERS: dict[str, tuple[dict[str, Any], list[tuple[str, ProblemKind]]]] = {
    "no source": (from_(), [(AT, R)]),
    "two sources": (
        from_(fieldRef={"fieldPath": "metadata.name"}, secretKeyRef={"name": "s", "key": "k"}),
        [(f"{AT}.secretKeyRef", F)],
    ),
    "field": (from_(fieldRef={"fieldPath": "metadata.labels"}), [(f"{AT}.fieldRef.fieldPath", U)]),
    "no field": (from_(fieldRef={"fieldPath": ""}), [(f"{AT}.fieldRef.fieldPath", R)]),
    "label": (from_(fieldRef={"fieldPath": "metadata.labels['-']"}), [(f"{AT}.fieldRef.fieldPath", V)]),
    "resource": (
        from_(resourceFieldRef={"resource": "limits.gpu"}),
        [(f"{AT}.resourceFieldRef.resource", U)],
    ),
    "divisor": (
        from_(resourceFieldRef={"resource": "limits.cpu", "divisor": "1Mi"}),
        [(f"{AT}.resourceFieldRef.divisor", U)],
    ),
    "key": (from_(configMapKeyRef={"name": "c", "key": ""}), [(f"{AT}.configMapKeyRef.key", R)]),
    "secret": (from_(secretKeyRef={"key": "k"}), [(f"{AT}.secretKeyRef.name", R)]),
    "file": (
        from_(fileKeyRef={"volumeName": "v", "path": "../x", "key": "a=b"}),
        [(f"{AT}.fileKeyRef.key", V), (f"{AT}.fileKeyRef.path", V)],
    ),
    "all of nothing": ({"envFrom": [{}]}, [("envFrom[0]", R)]),
    "all of no name": ({"envFrom": [{"secretRef": {}}]}, [("envFrom[0].secretRef.name", R)]),
    "prefix": ({"envFrom": [{"prefix": "=", "secretRef": {"name": "s"}}]}, [("envFrom[0].prefix", V)]),
    "user": ({"securityContext": {"runAsUser": -1}}, [("securityContext.runAsUser", V)]),
    "proc": ({"securityContext": {"procMount": "None"}}, [("securityContext.procMount", U)]),
    "seccomp": (
        {"securityContext": {"seccompProfile": {"type": "Default"}}},
        [("securityContext.seccompProfile.type", U)],
    ),
    "seccomp file": (
        {"securityContext": {"seccompProfile": {"type": "Localhost"}}},
        [("securityContext.seccompProfile.localhostProfile", R)],
    ),
    "seccomp file out": (
        {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "../x"}}},
        [("securityContext.seccompProfile.localhostProfile", V)],
    ),
    "seccomp file for nothing": (
        {"securityContext": {"seccompProfile": {"type": "Unconfined", "localhostProfile": "x"}}},
        [("securityContext.seccompProfile.localhostProfile", V)],
    ),
    "escalation": (
        {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}},
        [("securityContext.allowPrivilegeEscalation", V)],
    ),
}


@pytest.mark.parametrize("row", CONTAINERS)
def test_container(row: str) -> None:
    container, expected = CONTAINERS[row]
    assert problems(pod(container)) == [(f"containers[0].{field}", kind) for field, kind in expected]


SPECS: dict[str, tuple[dict[str, Any], list[tuple[str, ProblemKind]]]] = {
    "group": ({"securityContext": {"fsGroup": 1 << 31}}, [("securityContext.fsGroup", V)]),
    "groups": (
        {"securityContext": {"supplementalGroups": [1, -1]}},
        [("securityContext.supplementalGroups[1]", V)],
    ),
    "policies": (
        {"securityContext": {"fsGroupChangePolicy": "x", "supplementalGroupsPolicy": "x"}},
        [("securityContext.supplementalGroupsPolicy", U), ("securityContext.fsGroupChangePolicy", U)],
    ),
    "sysctl": (
        {"securityContext": {"sysctls": [{"name": "A", "value": "1"}, {"name": "", "value": "1"}]}},
        [("securityContext.sysctls[0].name", V), ("securityContext.sysctls[1].name", R)],
    ),
    "sysctl twice": (
        {"securityContext": {"sysctls": [{"name": "a.b", "value": "1"}, {"name": "a.b", "value": "2"}]}},
        [("securityContext.sysctls[1].name", D)],
    ),
    "processes": ({"hostPID": True, "shareProcessNamespace": True}, [("shareProcessNamespace", F)]),
    "users": ({"hostUsers": False, "hostIPC": True}, [("hostIPC", F)]),
    "alias": (
        {"hostAliases": [{"ip": "here", "hostnames": ["A"]}]},
        [("hostAliases[0].ip", V), ("hostAliases[0].hostnames[0]", V)],
    ),
    "override": ({"hostnameOverride": "a" * 64 + ".b"}, [("hostnameOverride", V)]),
    "override and FQDN": ({"hostnameOverride": "a", "setHostnameAsFQDN": True}, [("hostnameOverride", F)]),
}


@pytest.mark.parametrize("row", SPECS)
def test_spec(row: str) -> None:
    spec, expected = SPECS[row]
    assert problems(pod(**spec)) == expected


DEFAULTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {"emptyDir": {}}),
    "config map": ({"configMap": {"name": "c"}}, {"configMap": {"name": "c", "defaultMode": 420}}),
    "mode zero stays": (
        {"configMap": {"name": "c", "defaultMode": 0}},
        {"configMap": {"name": "c", "defaultMode": 0}},
    ),
    "secret": ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
    "host path": ({"hostPath": {"path": "/a"}}, {"hostPath": {"path": "/a", "type": ""}}),
    "image": (
        {"image": {"reference": "a/b:1"}},
        {"image": {"reference": "a/b:1", "pullPolicy": "IfNotPresent"}},
    ),
    "projected": (
        {
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "t"}},
                    {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                ]
            }
        },
        {
            "projected": {
                "defaultMode": 420,
                "sources": [
                    {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}},
                    {
                        "downwardAPI": {
                            "items": [
                                {"path": "n", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
                            ]
                        }
                    },
                ],
            }
        },
    ),
}


@pytest.mark.parametrize("row", DEFAULTS)
def test_defaults_of_volumes(row: str) -> None:
    source, expected = DEFAULTS[row]
    spec = volume(**source).spec
    assert spec is not None
    assert spec.volumes is not None
    assert spec.volumes[0] == msgspec.convert({"name": "v", **expected}, core_v1.Volume)
