# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses in a pod's volumes; kinds that no node of Orlop runs are only counted."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from lightkube.models import core_v1

from kube.checks import Problems, exactly_one, in_range, one_of, present, relative_path
from kube.env_validation import VOLUME_FIELDS, check_field, check_resource
from kube.errors import QuantityError
from kube.names import DNS_LABEL
from kube.problem import Path, duplicate, invalid, unsupported
from kube.quantity import ZERO, parse

HOST_PATH_TYPES: Final = (
    "",
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
)
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
KINDS: Final = tuple(field for field in core_v1.Volume.__struct_fields__ if field != "name")
_MODES: Final = "permission bits from 0000 to 0777 (511 in decimal)"
_MOST_SECONDS: Final = 1 << 32
_LEAST_SECONDS: Final = 600
_SOURCES: Final = (
    "secret",
    "downwardAPI",
    "configMap",
    "serviceAccountToken",
    "clusterTrustBundle",
    "podCertificate",
)


def check_volumes(volumes: Iterable[core_v1.Volume], path: Path) -> Problems:
    """Everything that is wrong with the volumes that stand at path."""
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        at = (*path, index)
        yield from DNS_LABEL.check((*at, "name"), volume.name)
        if volume.name in names:
            yield duplicate((*at, "name"), volume.name, "a name that no other volume of the pod has")
        names.add(volume.name)
        yield from exactly_one(at, volume, KINDS)
        for kind, check in _CHECKS.items():
            if source := getattr(volume, kind):
                yield from check(source, (*at, kind))


def _host_path(source: core_v1.HostPathVolumeSource, path: Path) -> Problems:
    yield from present((*path, "path"), source.path)
    if ".." in source.path.split("/"):
        yield invalid((*path, "path"), source.path, 'a path without ".."')
    yield from one_of((*path, "type"), source.type, HOST_PATH_TYPES)


def _empty_dir(source: core_v1.EmptyDirVolumeSource, path: Path) -> Problems:
    yield from in_range((*path, "mode"), source.mode, 0, 0o1777, "permission bits from 0000 to 01777")
    if source.medium and source.medium != "Memory" and not source.medium.startswith("HugePages"):
        yield unsupported((*path, "medium"), source.medium, ("", "Memory", "HugePages"))
    if source.sizeLimit is not None:
        try:
            negative = parse(source.sizeLimit) < ZERO
        except QuantityError:
            negative = True
        if negative:
            yield invalid((*path, "sizeLimit"), source.sizeLimit, "an amount of 0 or more, such as 64Mi")


def _config_map(source: core_v1.ConfigMapVolumeSource, path: Path) -> Problems:
    yield from present((*path, "name"), source.name)
    yield from _mode(source.defaultMode, (*path, "defaultMode"))
    yield from _items(source.items or (), path)


def _secret(source: core_v1.SecretVolumeSource, path: Path) -> Problems:
    yield from present((*path, "secretName"), source.secretName)
    yield from _mode(source.defaultMode, (*path, "defaultMode"))
    yield from _items(source.items or (), path)


def _downward(source: core_v1.DownwardAPIVolumeSource, path: Path) -> Problems:
    yield from _mode(source.defaultMode, (*path, "defaultMode"))
    yield from _downward_items(source.items or (), path)


def _downward_items(items: Sequence[core_v1.DownwardAPIVolumeFile], path: Path) -> Problems:
    for index, item in enumerate(items):
        at = (*path, "items", index)
        yield from _file_path(item.path, (*at, "path"))
        yield from _mode(item.mode, (*at, "mode"))
        yield from exactly_one(at, item, ("fieldRef", "resourceFieldRef"))
        if item.fieldRef:
            yield from check_field(item.fieldRef, (*at, "fieldRef"), VOLUME_FIELDS)
        if item.resourceFieldRef:
            resource = item.resourceFieldRef
            yield from check_resource(resource, (*at, "resourceFieldRef"), needs_container=True)


def _projected(source: core_v1.ProjectedVolumeSource, path: Path) -> Problems:
    yield from _mode(source.defaultMode, (*path, "defaultMode"))
    for index, each in enumerate(source.sources or ()):
        at = (*path, "sources", index)
        yield from exactly_one(at, each, _SOURCES)
        if token := each.serviceAccountToken:
            yield from _token(token, (*at, "serviceAccountToken"))
        if bundle := each.clusterTrustBundle:
            yield from _bundle(bundle, (*at, "clusterTrustBundle"))
        if each.downwardAPI:
            yield from _downward_items(each.downwardAPI.items or (), (*at, "downwardAPI"))
        for kind in ("secret", "configMap"):
            if named := getattr(each, kind):
                yield from present((*at, kind, "name"), named.name)
                yield from _items(named.items or (), (*at, kind))


def _token(source: core_v1.ServiceAccountTokenProjection, path: Path) -> Problems:
    yield from _file_path(source.path, (*path, "path"))
    seconds = source.expirationSeconds
    yield from in_range((*path, "expirationSeconds"), seconds, _LEAST_SECONDS, _MOST_SECONDS)


def _bundle(source: core_v1.ClusterTrustBundleProjection, path: Path) -> Problems:
    yield from _file_path(source.path, (*path, "path"))
    yield from exactly_one(path, source, ("name", "signerName"))


def _nfs(source: core_v1.NFSVolumeSource, path: Path) -> Problems:
    yield from present((*path, "server"), source.server)
    if not source.path.startswith("/"):
        yield invalid((*path, "path"), source.path, "an absolute path")


def _claim(source: core_v1.PersistentVolumeClaimVolumeSource, path: Path) -> Problems:
    yield from present((*path, "claimName"), source.claimName)


def _image(source: core_v1.ImageVolumeSource, path: Path) -> Problems:
    yield from present((*path, "reference"), source.reference)
    yield from one_of((*path, "pullPolicy"), source.pullPolicy, PULL_POLICIES)


def _items(items: Sequence[core_v1.KeyToPath], path: Path) -> Problems:
    for index, item in enumerate(items):
        at = (*path, "items", index)
        yield from present((*at, "key"), item.key)
        yield from _file_path(item.path, (*at, "path"))
        yield from _mode(item.mode, (*at, "mode"))


def _file_path(value: str, path: Path) -> Problems:
    yield from present(path, value)
    yield from relative_path(path, value, reserved=True)


def _mode(mode: int | None, path: Path) -> Problems:
    yield from in_range(path, mode, 0, 0o777, _MODES)


_CHECKS: Final[dict[str, Callable[[Any, Path], Problems]]] = {
    "hostPath": _host_path,
    "emptyDir": _empty_dir,
    "configMap": _config_map,
    "secret": _secret,
    "downwardAPI": _downward,
    "projected": _projected,
    "nfs": _nfs,
    "persistentVolumeClaim": _claim,
    "image": _image,
}
