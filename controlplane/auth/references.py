# SPDX-License-Identifier: Apache-2.0
"""What a pod needs from the API: the Secrets, ConfigMaps, claims and account that its spec names (pure)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]


class Reference(NamedTuple):
    """An object by its plural, namespace and name; namespace is "" for cluster-scoped ones."""

    plural: str
    namespace: str
    name: str


def references_of(pod: Json) -> frozenset[Reference]:
    """Everything that the pod's spec names, in the pod's namespace.

    Nothing for a mirror pod: a node makes those itself, and must not gain a Secret by naming it.
    """
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    if "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return frozenset()
    named = {*_of_spec(spec), *_of_volumes(spec, metadata["name"]), *_of_containers(spec)}
    return frozenset(Reference(plural, metadata["namespace"], name) for plural, name in named if name)


def volume_references(volume: Json) -> frozenset[Reference]:
    """What a PersistentVolume's source names besides its claim: Secrets, which tell their own namespace."""
    spec = volume.get("spec") or {}
    claim = spec.get("claimRef") or {}
    found = set()
    for source in spec.values():
        for field, secret in source.items() if isinstance(source, dict) else ():
            if field.endswith("SecretRef") or field == "secretRef":
                found.add(
                    Reference(
                        "secrets", secret.get("namespace") or claim.get("namespace", ""), secret.get("name")
                    )
                )
    if azure := spec.get("azureFile"):
        place = azure.get("secretNamespace") or claim.get("namespace", "")
        found.add(Reference("secrets", place, azure.get("secretName")))
    return frozenset(reference for reference in found if reference.name and reference.namespace)


def _of_spec(spec: Json) -> Iterator[tuple[str, str]]:
    yield "serviceaccounts", spec.get("serviceAccountName") or ""
    for secret in spec.get("imagePullSecrets") or ():
        yield "secrets", secret.get("name") or ""


def _of_containers(spec: Json) -> Iterator[tuple[str, str]]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            for source in container.get("envFrom") or ():
                yield "configmaps", _name(source.get("configMapRef"))
                yield "secrets", _name(source.get("secretRef"))
            for variable in container.get("env") or ():
                source = variable.get("valueFrom") or {}
                yield "configmaps", _name(source.get("configMapKeyRef"))
                yield "secrets", _name(source.get("secretKeyRef"))


def _of_volumes(spec: Json, pod: str) -> Iterator[tuple[str, str]]:
    for volume in spec.get("volumes") or ():
        yield from _of_source(volume)
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield "configmaps", _name(source.get("configMap"))
            yield "secrets", _name(source.get("secret"))
        if "ephemeral" in volume:
            yield "persistentvolumeclaims", f"{pod}-{volume['name']}"


def _of_source(volume: Json) -> Iterator[tuple[str, str]]:
    yield "configmaps", _name(volume.get("configMap"))
    yield "secrets", (volume.get("secret") or {}).get("secretName") or ""
    yield "secrets", (volume.get("azureFile") or {}).get("secretName") or ""
    yield "persistentvolumeclaims", (volume.get("persistentVolumeClaim") or {}).get("claimName") or ""
    for source in volume.values():
        if isinstance(source, dict):
            yield "secrets", _name(source.get("secretRef"))
            yield "secrets", _name(source.get("nodePublishSecretRef"))


def _name(reference: Json | None) -> str:
    return (reference or {}).get("name") or ""
