# SPDX-License-Identifier: Apache-2.0
"""What is mounted where in one container: planned without touching anything, then subPaths are opened and mounted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.pod.errors import ConfigError
from agent.volume.errors import VolumeError
from agent.volume.node import VolumeNode
from agent.volume.paths import PodFolders
from agent.volume.sources import CONTENT, AnyContainer, kind_of, volume_path
from agent.volume.subpath import mount_sub_path
from cri.model import Mount, MountPropagation, UserNamespace
from kube.expand import expand, names_in

HOSTS: Final = "/etc/hosts"
_PROPAGATION: Final = {
    "None": MountPropagation.PRIVATE,
    "HostToContainer": MountPropagation.HOST_TO_CONTAINER,
    "Bidirectional": MountPropagation.BIDIRECTIONAL,
}


@dataclass(frozen=True, slots=True)
class SubPath:
    """A part of a volume that has to be mounted at target first."""

    volume: Path
    path: str
    target: Path


@dataclass(frozen=True, slots=True)
class PlannedMount:
    """A mount of the container, and what has to be done before it."""

    mount: Mount
    volume: str
    sub_path: SubPath | None = None

    def describe(self) -> str:
        """One line for dry runs."""
        source = self.mount.image or self.mount.host_path
        if self.sub_path:
            source = f"{self.sub_path.path} of {self.sub_path.volume}"
        flags = ", read-only" if self.mount.readonly else ""
        return f"mount {source} at {self.mount.container_path}{flags}"


def plan_mounts(
    pod: core_v1.Pod,
    container: AnyContainer,
    folders: PodFolders,
    node: VolumeNode,
    env: Mapping[str, str],
    handler: str = "",
) -> tuple[PlannedMount, ...]:
    """The container's volumeMounts in order. Raises ConfigError for one that cannot be."""
    volumes = {volume.name: volume for volume in spec_of(pod).volumes or ()}
    planned = []
    for index, mount in enumerate(container.volumeMounts or ()):
        if mount.name not in volumes:
            raise ConfigError(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
        planner = _Planner(volumes[mount.name], mount, folders, node, handler)
        try:
            planned.append(planner.plan(container.name, index, _sub_path(mount, env)))
        except VolumeError as error:
            raise ConfigError(str(error)) from error
    return tuple(planned)


def make_sub_paths(planned: tuple[PlannedMount, ...], container: str) -> None:
    """Open and mount the subPaths of a container. Raises ConfigError with the kubelet's words and the cause."""
    for each in planned:
        if each.sub_path is None:
            continue
        try:
            mount_sub_path(each.sub_path.volume, each.sub_path.path, each.sub_path.target)
        except (VolumeError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            text = (
                f'failed to prepare subPath for volumeMount "{each.volume}" of container "{container}": {why}'
            )
            raise ConfigError(text) from error


def with_users(mount: Mount, user: UserNamespace | None) -> Mount:
    """The mount as a pod with a user namespace of its own sees it: with its ids for those on disk."""
    if user is None or not user.uids:
        return mount
    return replace(mount, uid_mappings=user.uids, gid_mappings=user.gids)


@dataclass(frozen=True, slots=True)
class _Planner:
    """One volumeMount and its volume."""

    volume: core_v1.Volume
    mount: core_v1.VolumeMount
    folders: PodFolders
    node: VolumeNode
    handler: str

    def plan(self, container: str, index: int, sub_path: str) -> PlannedMount:
        where = str(Path("/") / self.mount.mountPath)
        kind = kind_of(self.volume)
        if self.volume.image:
            reference = self.volume.image.reference or ""
            image = Mount(where, "", readonly=True, image=reference, image_sub_path=sub_path)
            return PlannedMount(image, self.volume.name)
        base = volume_path(self.folders, self.volume)
        part = None
        if sub_path:
            target = self.folders.sub_path(self.volume.name, container, index)
            part = SubPath(base, sub_path, target)
        mount = Mount(
            where,
            str(part.target if part else base),
            readonly=self._readonly(kind),
            propagation=_PROPAGATION.get(self.mount.mountPropagation or "None", MountPropagation.PRIVATE),
            selinux_relabel=self.node.selinux and kind != "hostPath",
            recursive_readonly=self._recursive(kind),
            options=self._options(),
        )
        return PlannedMount(mount, self.volume.name, part)

    def _readonly(self, kind: str) -> bool:
        """What the agent writes is never written by containers: an update would meet their changes."""
        claim = self.volume.persistentVolumeClaim
        return kind in CONTENT or bool(self.mount.readOnly) or bool(claim and claim.readOnly)

    def _recursive(self, kind: str) -> bool:
        wanted = self.mount.recursiveReadOnly or "Disabled"
        if wanted == "Disabled" or not self._readonly(kind):
            return False
        handler = self.node.handlers.get(self.handler)
        if handler is not None and handler.recursive_readonly_mounts:
            return True
        if wanted == "IfPossible":
            return False
        raise ConfigError(
            f'volumeMount "{self.mount.name}" asks for recursiveReadOnly: Enabled, which runtime handler '
            f'"{self.handler}" does not support'
        )

    def _options(self) -> tuple[str, ...]:
        options = tuple(self.mount.bindMountOptions or ())
        if options and not self.node.mount_options:
            raise ConfigError(
                f'volumeMount "{self.mount.name}" asks for bindMountOptions, which the runtime does not support'
            )
        return options


def _sub_path(mount: core_v1.VolumeMount, env: Mapping[str, str]) -> str:
    """subPath as it is, or subPathExpr with variables put in; one that is not known is an error, as in the kubelet."""
    if not mount.subPathExpr:
        return mount.subPath or ""
    for name in names_in(mount.subPathExpr):
        if name not in env:
            raise ConfigError(f"missing value for {name} in subPathExpr {mount.subPathExpr}")
    return expand(mount.subPathExpr, env)
