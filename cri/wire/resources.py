# SPDX-License-Identifier: Apache-2.0
"""Limits, namespaces, mounts and devices on the wire."""

from collections.abc import Iterable

from cri.model.resources import (
    Device,
    IdMapping,
    LinuxResources,
    Mount,
    MountPropagation,
    NamespaceMode,
    Namespaces,
    UserNamespace,
)
from cri.v1 import image_pb2, namespaces_pb2, resources_pb2, storage_pb2

# These enums count from 0 without a gap. A number that is newer than we are reads as the first, CRI's
# default.
_MODES = dict(enumerate(NamespaceMode))
_PROPAGATIONS = dict(enumerate(MountPropagation))


def limits(value: LinuxResources) -> resources_pb2.LinuxContainerResources:
    """cgroup limits for the runtime."""
    return resources_pb2.LinuxContainerResources(
        cpu_period=value.cpu_period,
        cpu_quota=value.cpu_quota,
        cpu_shares=value.cpu_shares,
        memory_limit_in_bytes=value.memory_limit,
        oom_score_adj=value.oom_score_adj,
        cpuset_cpus=value.cpuset_cpus,
        cpuset_mems=value.cpuset_mems,
        hugepage_limits=[
            resources_pb2.HugepageLimit(page_size=size, limit=limit)
            for size, limit in value.hugepage_limits.items()
        ],
        unified=dict(value.unified),
        memory_swap_limit_in_bytes=value.memory_swap_limit,
    )


def limits_from(message: resources_pb2.LinuxContainerResources) -> LinuxResources:
    """cgroup limits as the runtime states them."""
    return LinuxResources(
        cpu_period=message.cpu_period,
        cpu_quota=message.cpu_quota,
        cpu_shares=message.cpu_shares,
        memory_limit=message.memory_limit_in_bytes,
        oom_score_adj=message.oom_score_adj,
        cpuset_cpus=message.cpuset_cpus,
        cpuset_mems=message.cpuset_mems,
        hugepage_limits={each.page_size: each.limit for each in message.hugepage_limits},
        unified=dict(message.unified),
        memory_swap_limit=message.memory_swap_limit_in_bytes,
    )


def namespaces(value: Namespaces) -> namespaces_pb2.NamespaceOption:
    """The choice of namespaces; NamespaceMode's names are CRI's."""
    message = namespaces_pb2.NamespaceOption(
        network=value.network.name, pid=value.pid.name, ipc=value.ipc.name, target_id=value.target_id
    )
    if value.user is not None:
        message.userns_options.CopyFrom(
            namespaces_pb2.UserNamespace(
                mode=value.user.mode.name,
                uids=id_mappings(value.user.uids),
                gids=id_mappings(value.user.gids),
            )
        )
    return message


def namespaces_from(message: namespaces_pb2.NamespaceOption) -> Namespaces:
    """The namespaces that a sandbox has."""
    return Namespaces(
        network=_MODES.get(message.network, NamespaceMode.POD),
        pid=_MODES.get(message.pid, NamespaceMode.POD),
        ipc=_MODES.get(message.ipc, NamespaceMode.POD),
        target_id=message.target_id,
        user=_user_from(message.userns_options) if message.HasField("userns_options") else None,
    )


def _user_from(message: namespaces_pb2.UserNamespace) -> UserNamespace:
    return UserNamespace(
        mode=_MODES.get(message.mode, NamespaceMode.POD),
        uids=id_mappings_from(message.uids),
        gids=id_mappings_from(message.gids),
    )


def id_mappings(values: Iterable[IdMapping]) -> list[namespaces_pb2.IDMapping]:
    """Runs of user or group ids."""
    return [
        namespaces_pb2.IDMapping(host_id=each.host_id, container_id=each.container_id, length=each.length)
        for each in values
    ]


def id_mappings_from(messages: Iterable[namespaces_pb2.IDMapping]) -> tuple[IdMapping, ...]:
    """Runs of user or group ids."""
    return tuple(IdMapping(each.host_id, each.container_id, each.length) for each in messages)


def mount(value: Mount) -> storage_pb2.Mount:
    """A bind mount."""
    return storage_pb2.Mount(
        container_path=value.container_path,
        host_path=value.host_path,
        readonly=value.readonly,
        selinux_relabel=value.selinux_relabel,
        propagation=f"PROPAGATION_{value.propagation.name}",
        uidMappings=id_mappings(value.uid_mappings),
        gidMappings=id_mappings(value.gid_mappings),
        recursive_read_only=value.recursive_readonly,
        image=image_pb2.ImageSpec(image=value.image) if value.image else None,
        image_sub_path=value.image_sub_path,
        mount_options=value.options,
    )


def mount_from(message: storage_pb2.Mount) -> Mount:
    """A bind mount of a running container."""
    return Mount(
        container_path=message.container_path,
        host_path=message.host_path,
        readonly=message.readonly,
        propagation=_PROPAGATIONS.get(message.propagation, MountPropagation.PRIVATE),
        selinux_relabel=message.selinux_relabel,
        recursive_readonly=message.recursive_read_only,
        uid_mappings=id_mappings_from(message.uidMappings),
        gid_mappings=id_mappings_from(message.gidMappings),
        image=message.image.image,
        image_sub_path=message.image_sub_path,
        options=tuple(message.mount_options),
    )


def device(value: Device) -> storage_pb2.Device:
    """A device node."""
    return storage_pb2.Device(
        container_path=value.container_path, host_path=value.host_path, permissions=value.permissions
    )
