# SPDX-License-Identifier: Apache-2.0
"""The volume kube-api-access-xxxxx: the account's token, the cluster's CA, and the pod's namespace."""

import secrets
from typing import Final

from controlplane.registry.data import Json, items

MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
# An hour, and a little more than a client may ask for, by which the server knows this kind of token.
TOKEN_SECONDS: Final = 3607
_CA_CONFIGMAP: Final = "kube-root-ca.crt"
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5


def mount_token(spec: Json) -> None:
    """Add the volume to a PodSpec and mount it in every container that has nothing at MOUNT_PATH, in place.

    A pod that brings a volume of that name (a copy of a running pod) keeps it.
    """
    names = [volume.get("name", "") for volume in items(spec, "volumes")]
    existing = next((name for name in names if name.startswith(VOLUME_PREFIX)), None)
    name = existing or _new_name(set(names))
    lacking = [container for container in _containers(spec) if not _is_mounted(container)]
    for container in lacking:
        mounts = [*items(container, "volumeMounts"), _mount(name)]
        container["volumeMounts"] = mounts
    if lacking and not existing:
        spec["volumes"] = [*items(spec, "volumes"), _volume(name)]


def _containers(spec: Json) -> list[Json]:
    return [*items(spec, "initContainers"), *items(spec, "containers")]


def _is_mounted(container: Json) -> bool:
    return any(mount.get("mountPath") == MOUNT_PATH for mount in items(container, "volumeMounts"))


def _mount(name: str) -> Json:
    return {"name": name, "mountPath": MOUNT_PATH, "readOnly": True}


def _new_name(taken: set[str]) -> str:
    name = ""
    while not name or name in taken:
        name = VOLUME_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX_LENGTH))
    return name


def _volume(name: str) -> Json:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    ca = {"name": _CA_CONFIGMAP, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": ca},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"defaultMode": 0o644, "sources": sources}}
