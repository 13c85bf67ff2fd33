# SPDX-License-Identifier: Apache-2.0
"""Which objects a node has to do with, by the pods bound to it; kept by change (an objects.View of PREFIXES)."""

from typing import Any, Final

from controlplane.auth.objects import split
from controlplane.auth.references import Reference, references_of, volume_references

Json = dict[str, Any]
_PODS: Final = "/core/pods/"
_VOLUMES: Final = "/core/persistentvolumes/"
_ATTACHMENTS: Final = "/storage.k8s.io/volumeattachments/"
PREFIXES: Final = (_PODS, _VOLUMES, _ATTACHMENTS)


class NodeGraph:
    """node -> pods -> claims -> volumes -> Secrets, and node -> attachments; answers are a few look-ups."""

    def __init__(self) -> None:
        """No pods: no node has to do with anything."""
        # Of a pod's or attachment's key: its node, and what it needs there.
        self._edges: dict[str, tuple[str, frozenset[Reference]]] = {}
        # (node, what is needed) -> how many objects say so.
        self._counts: dict[tuple[str, Reference], int] = {}
        self._claim_of: dict[str, Reference] = {}
        self._volume_secrets: dict[Reference, set[str]] = {}

    def put(self, key: str, obj: Json) -> None:
        """A pod, PersistentVolume or VolumeAttachment as it is now."""
        self.drop(key)
        namespace, name = split(key)
        spec = obj.get("spec") or {}
        if key.startswith(_PODS):
            if node := spec.get("nodeName"):
                self._connect(key, node, references_of(obj) | {Reference("pods", namespace, name)})
        elif key.startswith(_ATTACHMENTS):
            self._connect(
                key, spec.get("nodeName", ""), frozenset({Reference("volumeattachments", "", name)})
            )
        elif claim := spec.get("claimRef"):
            self._put_volume(name, obj, claim)

    def drop(self, key: str) -> None:
        """It is gone."""
        node, references = self._edges.pop(key, ("", frozenset[Reference]()))
        for reference in references:
            edge = (node, reference)
            self._counts[edge] -= 1
            if not self._counts[edge]:
                del self._counts[edge]
        if key.startswith(_VOLUMES):
            self._drop_volume(split(key)[1])

    def connects(self, node: str, wanted: Reference) -> bool:
        """Whether a pod bound to the node (or what hangs on it) needs this object."""
        if (node, wanted) in self._counts:
            return True
        if wanted.plural == "persistentvolumes":
            claim = self._claim_of.get(wanted.name)
            return claim is not None and (node, claim) in self._counts
        volumes = self._volume_secrets.get(wanted, ())
        return any((node, self._claim_of[volume]) in self._counts for volume in volumes)

    def _connect(self, key: str, node: str, references: frozenset[Reference]) -> None:
        self._edges[key] = (node, references)
        for reference in references:
            self._counts[node, reference] = self._counts.get((node, reference), 0) + 1

    def _put_volume(self, name: str, obj: Json, claim: Json) -> None:
        self._claim_of[name] = Reference(
            "persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", "")
        )
        for secret in volume_references(obj):
            self._volume_secrets.setdefault(secret, set()).add(name)

    def _drop_volume(self, name: str) -> None:
        self._claim_of.pop(name, None)
        for secret in [secret for secret, volumes in self._volume_secrets.items() if name in volumes]:
            self._volume_secrets[secret].discard(name)
            if not self._volume_secrets[secret]:
                del self._volume_secrets[secret]
