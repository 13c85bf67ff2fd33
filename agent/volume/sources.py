# SPDX-License-Identifier: Apache-2.0
"""Which kinds of volumes there are, where each is on disk, and which ones a pod's containers use."""

from pathlib import Path
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.volume.errors import VolumeError
from agent.volume.paths import PodFolders

# The name of each kind's field in Volume, and of its folder, which is the kubelet's.
CONTENT: Final = {
    "configMap": "configmap",
    "secret": "secret",
    "downwardAPI": "downward-api",
    "projected": "projected",
}
"""Kinds whose content the agent writes; containers only read them."""
_FOLDERS: Final = {**CONTENT, "emptyDir": "empty-dir", "nfs": "nfs", "persistentVolumeClaim": "claim"}
SUPPORTED: Final = (*_FOLDERS, "hostPath", "image")
_SHARING: Final = ("HostToContainer", "Bidirectional")

AnyContainer = core_v1.Container | core_v1.EphemeralContainer


def kind_of(volume: core_v1.Volume) -> str:
    """The kind as the API names its field. Raises VolumeError for one that is not supported, naming it."""
    kinds = [
        name for name in volume.__struct_fields__ if name != "name" and getattr(volume, name) is not None
    ]
    if len(kinds) == 1 and kinds[0] in SUPPORTED:
        return kinds[0]
    named = " and ".join(kinds) or "no kind at all"
    raise VolumeError(f"volumes of {named} are not supported by this node; supported: {', '.join(SUPPORTED)}")


def volume_path(folders: PodFolders, volume: core_v1.Volume) -> Path:
    """Where the volume is on the node; an image has no place."""
    kind = kind_of(volume)
    if volume.hostPath:
        return Path(volume.hostPath.path)
    return folders.volume(_FOLDERS[kind], volume.name)


def containers_of(pod: core_v1.Pod) -> tuple[AnyContainer, ...]:
    """Init, application and ephemeral containers."""
    spec = spec_of(pod)
    return (*(spec.initContainers or ()), *spec.containers, *(spec.ephemeralContainers or ()))


def used_volumes(pod: core_v1.Pod) -> tuple[core_v1.Volume, ...]:
    """The volumes that some container mounts or reads variables from, in the order of the spec; others are not made."""
    names = {mount.name for each in containers_of(pod) for mount in each.volumeMounts or ()}
    names |= {device.name for each in containers_of(pod) for device in each.volumeDevices or ()}
    for container in containers_of(pod):
        sources = (variable.valueFrom for variable in container.env or ())
        names |= {source.fileKeyRef.volumeName for source in sources if source and source.fileKeyRef}
    return tuple(volume for volume in spec_of(pod).volumes or () if volume.name in names)


def shared_volumes(pod: core_v1.Pod) -> frozenset[str]:
    """The volumes in which containers see each other's mounts."""
    mounts = (mount for each in containers_of(pod) for mount in each.volumeMounts or ())
    return frozenset(mount.name for mount in mounts if mount.mountPropagation in _SHARING)


def image_volumes(pod: core_v1.Pod) -> tuple[core_v1.ImageVolumeSource, ...]:
    """The images that have to be on the node before a container starts that mounts them."""
    return tuple(volume.image for volume in used_volumes(pod) if volume.image)
