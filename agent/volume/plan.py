# SPDX-License-Identifier: Apache-2.0
"""What has to be done for a pod's volumes, pure: from the spec, what it refers to, and tokens, to operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.objects.model import Objects
from agent.pod.facts import PodFacts
from agent.volume.atomic_writer import File
from agent.volume.config_map import config_map_files
from agent.volume.downward_api import downward_files
from agent.volume.empty_dir import plan_empty_dir
from agent.volume.errors import VolumeError
from agent.volume.host_path import host_path_type
from agent.volume.model import (
    CheckHostPath,
    HostPathType,
    LinkFolder,
    MakeFolder,
    MountMemory,
    Operation,
    OwnTree,
    ShareMounts,
    VolumePlan,
    WriteFiles,
)
from agent.volume.nfs import plan_nfs
from agent.volume.node import VolumeNode
from agent.volume.paths import PodFolders
from agent.volume.payload import Defaults, defaults, folders_for_group, for_group
from agent.volume.persistent_volume import bound_volume
from agent.volume.projected import projected_files
from agent.volume.secret import secret_files
from agent.volume.sources import CONTENT, kind_of, shared_volumes, volume_path
from agent.volume.token import TokenNeed

_CONTENT_ROOT: Final = 0o777
_CONTENT_FOLDER: Final = 0o755
# Room for what the files take while the old and the new ones are both there: the API's largest objects are 1 MiB.
_ON_DISK: Final = "configMap"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the plan of a volume depends on besides itself."""

    pod: core_v1.Pod
    folders: PodFolders
    facts: PodFacts
    objects: Objects
    node: VolumeNode
    tokens: Mapping[TokenNeed, bytes]

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return (self.pod.metadata and self.pod.metadata.namespace) or "default"

    @property
    def fs_group(self) -> int | None:
        """The group that volumes are given to."""
        security = spec_of(self.pod).securityContext
        return security.fsGroup if security else None


def plan_volume(volume: core_v1.Volume, inputs: Inputs) -> VolumePlan:
    """The operations that make one volume. Raises VolumeError, ObjectError or ConfigError."""
    operations = _operations(volume, inputs)
    if volume.name in shared_volumes(inputs.pod) and (volume.emptyDir or kind_of(volume) in CONTENT):
        operations = (*operations, ShareMounts(volume_path(inputs.folders, volume)))
    return VolumePlan(volume.name, operations)


def content_of(volume: core_v1.Volume, inputs: Inputs) -> WriteFiles | None:
    """What the files of a volume are to be now; None for a volume whose content is not the agent's."""
    kind = kind_of(volume)
    if kind not in CONTENT:
        return None
    files = for_group(_files(volume, inputs), inputs.fs_group)
    path = volume_path(inputs.folders, volume)
    return WriteFiles(path, files, folders_for_group(_CONTENT_FOLDER, inputs.fs_group))


def _operations(volume: core_v1.Volume, inputs: Inputs) -> tuple[Operation, ...]:
    kind = kind_of(volume)
    if volume.image:
        return _image(inputs.node)
    path = volume_path(inputs.folders, volume)
    if volume.emptyDir:
        return (plan_empty_dir(inputs.pod, volume.emptyDir, path, inputs.fs_group, inputs.facts),)
    if volume.hostPath:
        return _host_path(volume.hostPath)
    if volume.nfs:
        mount = plan_nfs(volume.nfs, path, None, read_only=False)
        return (MakeFolder(path, _CONTENT_FOLDER), mount)
    if volume.persistentVolumeClaim:
        return _claim(volume.persistentVolumeClaim, path, inputs)
    root = folders_for_group(_CONTENT_ROOT, inputs.fs_group)
    # A ConfigMap may be on disk, what may hold secrets never is.
    place: Operation = (
        MakeFolder(path, root.mode, root.gid) if kind == _ON_DISK else MountMemory(path, root.mode, root.gid)
    )
    content = content_of(volume, inputs)
    return (place, content) if content else (place,)


def _files(volume: core_v1.Volume, inputs: Inputs) -> dict[str, File]:
    if source := volume.configMap:
        common = defaults(source.defaultMode, source.defaultUser)
        return config_map_files(
            inputs.objects,
            inputs.namespace,
            source.name or "",
            source.items,
            common,
            optional=bool(source.optional),
        )
    if secret := volume.secret:
        common = defaults(secret.defaultMode, secret.defaultUser)
        return secret_files(
            inputs.objects,
            inputs.namespace,
            secret.secretName or "",
            secret.items,
            common,
            optional=bool(secret.optional),
        )
    if downward := volume.downwardAPI:
        common = defaults(downward.defaultMode, downward.defaultUser)
        return downward_files(inputs.pod, downward.items, common, inputs.facts)
    projected = volume.projected or core_v1.ProjectedVolumeSource()
    return projected_files(
        inputs.pod,
        volume.name,
        projected,
        _common(projected),
        inputs.facts,
        inputs.objects,
        inputs.tokens,
    )


def _common(projected: core_v1.ProjectedVolumeSource) -> Defaults:
    return defaults(projected.defaultMode, projected.defaultUser)


def _image(node: VolumeNode) -> tuple[Operation, ...]:
    if not node.image_volumes:
        raise VolumeError("volumes of image need a runtime that mounts images, such as containerd 2.1")
    return ()


def _host_path(source: core_v1.HostPathVolumeSource) -> tuple[Operation, ...]:
    kind = host_path_type(source.type)
    return (CheckHostPath(Path(source.path), kind),) if kind else ()


def _claim(
    source: core_v1.PersistentVolumeClaimVolumeSource, path: Path, inputs: Inputs
) -> tuple[Operation, ...]:
    bound = bound_volume(inputs.objects, inputs.namespace, source.claimName, inputs.facts)
    spec = bound.spec
    if spec.volumeMode == "Block":
        raise VolumeError(f"PV {bound.name} has volumeMode Block, which is not supported by this node")
    if spec.hostPath:
        return (*_host_path(spec.hostPath), LinkFolder(path, Path(spec.hostPath.path)))
    if spec.local:
        return _local(spec.local, path, inputs, read_only=bool(source.readOnly))
    if spec.nfs:
        mount = plan_nfs(spec.nfs, path, spec.mountOptions, read_only=bool(source.readOnly))
        return (MakeFolder(path, _CONTENT_FOLDER), mount)
    raise VolumeError(
        f"PV {bound.name} is of {_kinds(spec)}, which is not supported by this node; supported: hostPath, local, nfs"
    )


def _local(
    source: core_v1.LocalVolumeSource, path: Path, inputs: Inputs, *, read_only: bool
) -> tuple[Operation, ...]:
    folder = Path(source.path)
    link = (CheckHostPath(folder, HostPathType.DIRECTORY), LinkFolder(path, folder))
    if inputs.fs_group is None or read_only:
        return link
    security = spec_of(inputs.pod).securityContext
    lazily = security is not None and security.fsGroupChangePolicy == "OnRootMismatch"
    return (*link, OwnTree(folder, inputs.fs_group, if_root_differs=lazily))


_COMMON_FIELDS: Final = (
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
)


def _kinds(spec: core_v1.PersistentVolumeSpec) -> str:
    kinds = (
        name
        for name in spec.__struct_fields__
        if name not in _COMMON_FIELDS and getattr(spec, name) is not None
    )
    return ", ".join(kinds) or "no kind"
