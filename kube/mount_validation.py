# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses in a container's volumeMounts."""

from collections.abc import Collection
from typing import Final

from lightkube.models import core_v1

from kube.checks import Problems, one_of, present, relative_path
from kube.problem import Path, forbidden, not_found, refused

PROPAGATIONS: Final = ("None", "HostToContainer", "Bidirectional")
RECURSIVE: Final = ("Disabled", "IfPossible", "Enabled")
BIND_OPTIONS: Final = ("noexec", "nodev", "nosuid")


def check_mounts(
    container: core_v1.Container | core_v1.EphemeralContainer, path: Path, volumes: Collection[str]
) -> Problems:
    """Everything that is wrong with the mounts of a container that stands at path; volumes are the pod's names."""
    places: set[str] = set()
    for index, mount in enumerate(container.volumeMounts or ()):
        at = (*path, "volumeMounts", index)
        yield from present((*at, "name"), mount.name)
        if mount.name and mount.name not in volumes:
            yield not_found((*at, "name"), mount.name, "the name of one of the pod's volumes")
        yield from present((*at, "mountPath"), mount.mountPath)
        if mount.mountPath in places:
            yield refused((*at, "mountPath"), mount.mountPath, "must be unique")
        places.add(mount.mountPath)
        yield from _sub_path(mount, at)
        yield from _propagation(mount, at, container.securityContext)
        yield from _recursive(mount, at)
        for option in mount.bindMountOptions or ():
            yield from one_of((*at, "bindMountOptions"), option, BIND_OPTIONS)


def _sub_path(mount: core_v1.VolumeMount, path: Path) -> Problems:
    if mount.subPath and mount.subPathExpr:
        yield forbidden((*path, "subPathExpr"), "may not be set together with subPath", "one of the two")
    for name in ("subPath", "subPathExpr"):
        yield from relative_path((*path, name), getattr(mount, name) or "")


def _propagation(
    mount: core_v1.VolumeMount, path: Path, security: core_v1.SecurityContext | None
) -> Problems:
    at = (*path, "mountPropagation")
    yield from one_of(at, mount.mountPropagation, PROPAGATIONS)
    if mount.mountPropagation == "Bidirectional" and not (security and security.privileged):
        yield forbidden(at, "Bidirectional is for privileged containers only", "None, HostToContainer")


def _recursive(mount: core_v1.VolumeMount, path: Path) -> Problems:
    at = (*path, "recursiveReadOnly")
    yield from one_of(at, mount.recursiveReadOnly, RECURSIVE)
    if mount.recursiveReadOnly is None:
        return
    if not mount.readOnly:
        yield forbidden(at, "may only be set together with readOnly: true")
    if mount.recursiveReadOnly != "Disabled" and mount.mountPropagation not in (None, "None"):
        yield forbidden(at, "may only be set without mountPropagation")
