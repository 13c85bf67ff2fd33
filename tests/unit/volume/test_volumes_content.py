# SPDX-License-Identifier: Apache-2.0
"""Volumes whose content the agent writes: ConfigMaps, Secrets, the downward API and several at once."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from lightkube.models import certificates_v1beta1, meta_v1

from agent.objects.tokens import TokenError
from agent.volume.errors import VolumeError
from agent.volume.mountinfo import is_mount_point
from tests.support.held_objects import HeldObjects, config_map, secret
from tests.support.mountns import in_mount_namespace
from tests.support.volumes import UID, Kit, files, mode, pod_with


def bundle(name: str, signer: str, text: str, **labels: str) -> certificates_v1beta1.ClusterTrustBundle:
    return certificates_v1beta1.ClusterTrustBundle(
        metadata=meta_v1.ObjectMeta(name=name, labels=labels),
        spec=certificates_v1beta1.ClusterTrustBundleSpec(trustBundle=text, signerName=signer),
    )


def pem(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"


def objects() -> HeldObjects:
    return HeldObjects(
        config_map("settings", {"color": "blue", "size": "7"}, raw=b"\xff\x00"),
        secret("login", user=b"admin", password=b"\xfe"),
        bundle("one", "a.b/c", f"noise\n{pem('B')}\nnoise\n{pem('A')}\n", tier="x"),
        bundle("two", "a.b/c", f"{pem('A')}\n{pem('C')}\n", tier="y"),
    )


def projected(*sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"projected": {"sources": list(sources), **more}}


ITEMS = [{"key": "color", "path": "deep/er/c"}]
NONE = {"name": "none", "optional": True}

CONTENT: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "config map": ({"configMap": {"name": "settings"}}, {"color": "blue", "size": "7", "raw": "\xff\x00"}),
    "config map items": ({"configMap": {"name": "settings", "items": ITEMS}}, {"deep/er/c": "blue"}),
    "config map optional": ({"configMap": NONE}, {}),
    "config map optional key": (
        {"configMap": {"name": "settings", "optional": True, "items": [*ITEMS, {"key": "k", "path": "k"}]}},
        {"deep/er/c": "blue"},
    ),
    "secret": ({"secret": {"secretName": "login"}}, {"user": "admin", "password": "\xfe"}),
    "secret items": (
        {"secret": {"secretName": "login", "items": [{"key": "user", "path": "u"}]}},
        {"u": "admin"},
    ),
    "secret optional": ({"secret": {"secretName": "none", "optional": True}}, {}),
    "downward": (
        {
            "downwardAPI": {
                "items": [
                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                    {"path": "d/name", "fieldRef": {"fieldPath": "metadata.name"}},
                    {"path": "cpu", "resourceFieldRef": {"containerName": "app", "resource": "limits.cpu"}},
                ]
            }
        },
        {"labels": 'app="web"', "d/name": "web", "cpu": "2"},
    ),
    "projected": (
        projected(
            {"configMap": {"name": "settings", "items": ITEMS}},
            {"secret": {"name": "login", "items": [{"key": "user", "path": "deep/user"}]}},
            {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
            {"configMap": NONE},
        ),
        {"deep/er/c": "blue", "deep/user": "admin", "ns": "default"},
    ),
    "later source over earlier": (
        projected(
            {"configMap": {"name": "settings", "items": [{"key": "color", "path": "x"}]}},
            {"secret": {"name": "login", "items": [{"key": "user", "path": "x"}]}},
        ),
        {"x": "admin"},
    ),
    "token": (
        projected({"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}}),
        {"token": f"token 1 default builder vault 600 web {UID}"},
    ),
    "bundle by name": (
        projected({"clusterTrustBundle": {"name": "one", "path": "ca.crt"}}),
        {"ca.crt": f"{pem('A')}\n{pem('B')}\n"},
    ),
    "bundles of a signer": (
        projected({"clusterTrustBundle": {"signerName": "a.b/c", "labelSelector": {}, "path": "ca.crt"}}),
        {"ca.crt": f"{pem('A')}\n{pem('B')}\n{pem('C')}\n"},
    ),
    "bundles by label": (
        projected(
            {
                "clusterTrustBundle": {
                    "signerName": "a.b/c",
                    "labelSelector": {"matchLabels": {"tier": "y"}},
                    "path": "ca.crt",
                }
            }
        ),
        {"ca.crt": f"{pem('A')}\n{pem('C')}\n"},
    ),
    "no bundle, optional": (
        projected({"clusterTrustBundle": {"name": "none", "optional": True, "path": "ca.crt"}}),
        {"ca.crt": ""},
    ),
}


@pytest.mark.parametrize("row", CONTENT)
@in_mount_namespace
def test_content(tmp_path: Path, row: str) -> None:
    source, expected = CONTENT[row]
    kit = Kit(tmp_path, objects())
    desired = pod_with([{"name": "v", **source}])
    kit.prepare(desired)
    mount = kit.mounts(desired)["/v"]
    folder = Path(mount.host_path)
    assert files(folder) == expected
    assert mount.readonly
    assert is_mount_point(folder) is ("configMap" not in source), "secrets are in memory"
    kit.teardown()
    assert list((tmp_path / "pods").iterdir()) == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "config map": ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
    "config map key": (
        {"configMap": {"name": "settings", "items": [{"key": "k", "path": "k"}]}},
        "references non-existent config key: k",
    ),
    "secret": ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
    "secret key": (
        {"secret": {"secretName": "login", "items": [{"key": "k", "path": "k"}]}},
        "references non-existent secret key: k",
    ),
    "path out": (
        {"configMap": {"name": "settings", "items": [{"key": "color", "path": "../../x"}]}},
        "invalid path '../../x'",
    ),
    "absolute path": (
        projected({"secret": {"name": "login", "items": [{"key": "user", "path": "/etc/x"}]}}),
        "invalid path '/etc/x'",
    ),
    "file and folder": (
        projected(
            {"configMap": {"name": "settings", "items": [{"key": "color", "path": "a"}]}},
            {"secret": {"name": "login", "items": [{"key": "user", "path": "a/b"}]}},
        ),
        "'a' is a file, not a folder",
    ),
    "field": (
        {"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "status.phase"}}]}},
        "unsupported fieldPath: status.phase",
    ),
    "resource of nobody": (
        {"downwardAPI": {"items": [{"path": "x", "resourceFieldRef": {"resource": "limits.cpu"}}]}},
        "container (not named) not found",
    ),
    "bundle": (projected({"clusterTrustBundle": {"name": "none", "path": "x"}}), "not found"),
    "no bundle of a signer": (
        projected({"clusterTrustBundle": {"signerName": "x.y/z", "labelSelector": {}, "path": "x"}}),
        "no trust anchors found: signer x.y/z",
    ),
    "absent selector selects nothing": (
        projected({"clusterTrustBundle": {"signerName": "a.b/c", "path": "x"}}),
        "no trust anchors found",
    ),
    "certificate": (
        projected({"podCertificate": {"keyType": "ED25519", "signerName": "a/b", "keyPath": "k"}}),
        "of no kind that is supported: podCertificate",
    ),
    "csi": ({"csi": {"driver": "d"}}, "volumes of csi are not supported by this node"),
    "two at once": (
        {"emptyDir": {}, "csi": {"driver": "d"}},
        "volumes of csi and emptyDir are not supported",
    ),
}


@pytest.mark.parametrize("row", REFUSED)
@in_mount_namespace
def test_what_cannot_be_made_is_told_by_volume_and_cause(tmp_path: Path, row: str) -> None:
    source, words = REFUSED[row]
    kit = Kit(tmp_path, objects())
    with pytest.raises(VolumeError) as caught:
        kit.prepare(pod_with([{"name": "v", **source}]))
    assert str(caught.value).startswith('MountVolume.SetUp failed for volume "v" : ')
    assert words in str(caught.value)
    assert caught.value.reason == "FailedMount"
    kit.teardown()


@in_mount_namespace
def test_every_volume_that_fails_is_named_and_the_others_are_made(tmp_path: Path) -> None:
    kit = Kit(tmp_path, objects())
    volumes = [
        {"name": "a", "configMap": {"name": "no-a"}},
        {"name": "b", "emptyDir": {}},
        {"name": "c", "secret": {"secretName": "no-c"}},
    ]
    with pytest.raises(
        VolumeError, match=r'"a" : configmap "no-a" not found; .*"c" : secret "no-c" not found'
    ):
        kit.prepare(pod_with(volumes))
    assert (tmp_path / "pods" / UID / "volumes/kubernetes.io~empty-dir/b").is_dir()


@in_mount_namespace
def test_a_volume_that_nobody_uses_is_not_made(tmp_path: Path) -> None:
    kit = Kit(tmp_path, objects())
    kit.prepare(pod_with([{"name": "v", "configMap": {"name": "none"}}], mounts=[]))


MODES: dict[str, tuple[dict[str, Any], dict[str, Any], int, int, int]] = {
    "default": ({"configMap": {"name": "settings"}}, {}, 0o644, 0, 0),
    "own default": ({"configMap": {"name": "settings", "defaultMode": 0o400}}, {}, 0o400, 0, 0),
    "zero": ({"configMap": {"name": "settings", "defaultMode": 0}}, {}, 0, 0, 0),
    "item": (
        {"configMap": {"name": "settings", "items": [{"key": "color", "path": "color", "mode": 0o711}]}},
        {},
        0o711,
        0,
        0,
    ),
    "user": ({"configMap": {"name": "settings", "defaultUser": 7}}, {}, 0o644, 7, 0),
    "item's user": (
        {
            "configMap": {
                "name": "settings",
                "defaultUser": 7,
                "items": [{"key": "color", "path": "color", "user": 8}],
            }
        },
        {},
        0o644,
        8,
        0,
    ),
    "fsGroup": ({"configMap": {"name": "settings", "defaultMode": 0o400}}, {"fsGroup": 2000}, 0o440, 0, 2000),
    "projected": (
        projected({"configMap": {"name": "settings"}}, defaultMode=0o600),
        {"fsGroup": 5},
        0o640,
        0,
        5,
    ),
}


@pytest.mark.parametrize("row", MODES)
@in_mount_namespace
def test_modes_and_owners(tmp_path: Path, row: str) -> None:
    source, security, bits, uid, gid = MODES[row]
    kit = Kit(tmp_path, objects())
    desired = pod_with([{"name": "v", **source}], securityContext=security)
    kit.prepare(desired)
    status = (kit.place(desired, "/v") / "color").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (bits, uid, gid)
    root = kit.place(desired, "/v").stat()
    assert (root.st_mode & 0o7777, root.st_gid) == ((0o2777, gid) if security else (0o777, 0))


TOKENS: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "nobody known": ({}, 0o644, 0, 0),
    "one user": ({"securityContext": {"runAsUser": 1000}}, 0o600, 1000, 0),
    "group": ({"securityContext": {"fsGroup": 2000}}, 0o640, 0, 2000),
    "both": ({"securityContext": {"runAsUser": 1000, "fsGroup": 2000}}, 0o640, 1000, 2000),
    "two users": (
        {"initContainers": [{"name": "i", "image": "x", "securityContext": {"runAsUser": 5}}]},
        0o644,
        0,
        0,
    ),
}


@pytest.mark.parametrize("row", TOKENS)
@in_mount_namespace
def test_a_token_is_for_its_reader_only(tmp_path: Path, row: str) -> None:
    spec, bits, uid, gid = TOKENS[row]
    kit = Kit(tmp_path)
    desired = pod_with([{"name": "v", **projected({"serviceAccountToken": {"path": "t"}})}], **spec)
    kit.prepare(desired)
    status = (kit.place(desired, "/v") / "t").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (bits, uid, gid)


@in_mount_namespace
def test_an_update_arrives_and_nothing_moves_without_one(tmp_path: Path) -> None:
    kit = Kit(tmp_path, objects())
    desired = pod_with([{"name": "v", "configMap": {"name": "settings"}}])
    kit.prepare(desired)
    folder = kit.place(desired, "/v")
    before = (folder / "..data").readlink()
    kit.refresh(desired)
    assert (folder / "..data").readlink() == before
    kit.objects.put(config_map("settings", {"color": "red"}))
    kit.refresh(desired)
    assert files(folder) == {"color": "red"}


@in_mount_namespace
def test_a_changed_label_arrives(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    volume = {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels['app']"}}]}}
    desired = pod_with([{"name": "v", **volume}])
    kit.prepare(desired)
    folder = kit.place(desired, "/v")
    assert desired.pod.metadata is not None
    desired.pod.metadata.labels = {"app": "new"}
    kit.refresh(desired)
    assert files(folder) == {"l": "new"}


FAULTS = {
    "gone": lambda kit: kit.objects.remove("ConfigMap", "settings"),
    "unknown": lambda kit: setattr(kit.objects, "why", "the API server is away"),
}


@pytest.mark.parametrize("fault", FAULTS)
@in_mount_namespace
def test_what_is_there_serves_on_when_its_object_cannot_be_had(tmp_path: Path, fault: str) -> None:
    kit = Kit(tmp_path, objects())
    volumes = [{"name": "v", "configMap": {"name": "settings"}}, {"name": "w", "emptyDir": {}}]
    desired = pod_with(volumes)
    kit.prepare(desired)
    FAULTS[fault](kit)
    with pytest.raises(VolumeError, match=r'"v" : .*configmap "settings"'):
        kit.refresh(desired)
    Kit(tmp_path, kit.objects).prepare(desired)
    assert files(kit.place(desired, "/v"))["color"] == "blue"


def jwt(issued: float, expires: float) -> str:
    claims = (
        base64.urlsafe_b64encode(json.dumps({"iat": issued, "exp": expires}).encode()).decode().rstrip("=")
    )
    return f"x.{claims}.y"


@in_mount_namespace
def test_a_token_is_renewed_at_four_fifths_of_its_life_also_by_the_next_agent(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    source = {"serviceAccountToken": {"path": "t", "expirationSeconds": 1000}}
    desired = pod_with([{"name": "v", **projected(source)}])
    kit.tokens.text = jwt(kit.now, kit.now + 1000)
    kit.prepare(desired)
    file = kit.place(desired, "/v") / "t"
    assert kit.volumes.next_refresh(desired) == kit.now + 800
    next_agent = Kit(tmp_path, kit.objects, kit.tokens, now=kit.now + 799)
    next_agent.prepare(desired)
    next_agent.refresh(desired)
    assert len(kit.tokens.asked) == 1
    next_agent.now += 1
    kit.tokens.text = jwt(next_agent.now, next_agent.now + 1000)
    next_agent.refresh(desired)
    assert file.read_text() == kit.tokens.text
    assert next_agent.volumes.next_refresh(desired) == next_agent.now + 800


@in_mount_namespace
def test_an_old_token_stays_while_it_is_good_and_no_new_one_can_be_had(tmp_path: Path) -> None:
    kit = Kit(tmp_path, objects())
    sources = ({"serviceAccountToken": {"path": "t"}}, {"configMap": {"name": "settings"}})
    desired = pod_with([{"name": "v", **projected(*sources)}])
    kit.tokens.text = jwt(kit.now, kit.now + 3600)
    kit.prepare(desired)
    kit.tokens.error = TokenError("default", "builder", "connection refused")
    kit.now += 3000
    kit.objects.put(config_map("settings", {"color": "red"}))
    kit.refresh(desired)
    assert files(kit.place(desired, "/v")) == {"t": kit.tokens.text, "color": "red"}
    assert kit.volumes.next_refresh(desired) == kit.now + 30
    kit.now += 601
    with pytest.raises(VolumeError, match="connection refused"):
        kit.refresh(desired)


@in_mount_namespace
def test_a_token_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.tokens.error = TokenError("default", "builder", "forbidden")
    with pytest.raises(VolumeError, match=r'"v" : .*"builder".*forbidden'):
        kit.prepare(pod_with([{"name": "v", **projected({"serviceAccountToken": {"path": "t"}})}]))


@in_mount_namespace
def test_a_token_of_another_shape_is_as_old_as_its_file(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    assert kit.volumes.next_refresh(pod_with()) is None
    source = {"serviceAccountToken": {"path": "t", "expirationSeconds": 1000}}
    desired = pod_with([{"name": "v", **projected(source)}])
    assert kit.volumes.next_refresh(desired) is None
    kit.prepare(desired)
    written = (kit.place(desired, "/v") / "t").stat().st_mtime
    assert kit.volumes.next_refresh(desired) == written + 800


@in_mount_namespace
def test_only_root_can_look_at_what_pods_are_given(tmp_path: Path) -> None:
    kit = Kit(tmp_path, objects())
    kit.prepare(pod_with([{"name": "v", "configMap": {"name": "settings"}}]))
    assert mode(tmp_path / "pods") == 0o750
    assert mode(tmp_path / "pods" / UID) == 0o750
