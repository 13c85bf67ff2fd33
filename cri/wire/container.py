# SPDX-License-Identifier: Apache-2.0
"""Containers on the wire."""

from collections.abc import Mapping

from cri.model.container import Container, ContainerConfig, ContainerState, ContainerStatus, ContainerUser
from cri.v1 import basic_pb2, container_pb2, image_pb2, signal_pb2, storage_pb2
from cri.wire.resources import device, limits, limits_from, mount, mount_from
from cri.wire.security import container_security

_STATES = dict(enumerate(ContainerState))
_DEFAULT_SIGNAL = "RUNTIME_DEFAULT"


def config(value: ContainerConfig) -> container_pb2.ContainerConfig:
    """Everything that CreateContainer is told of the container."""
    return container_pb2.ContainerConfig(
        metadata=container_pb2.ContainerMetadata(name=value.name, attempt=value.attempt),
        image=image_pb2.ImageSpec(
            image=value.image, user_specified_image=value.user_image, runtime_handler=value.image_handler
        ),
        command=value.command,
        args=value.args,
        working_dir=value.working_dir,
        envs=[_variable(*each) for each in value.env],
        mounts=[mount(each) for each in value.mounts],
        devices=[device(each) for each in value.devices],
        labels=dict(value.labels),
        annotations=dict(value.annotations),
        log_path=value.log_path,
        stdin=value.stdin,
        stdin_once=value.stdin_once,
        tty=value.tty,
        linux=container_pb2.LinuxContainerConfig(
            resources=limits(value.resources),
            security_context=container_security(
                value.security, value.namespaces, privileged=value.privileged
            ),
        ),
        CDI_devices=[storage_pb2.CDIDevice(name=each) for each in value.cdi_devices],
        stop_signal=f"SIGNAL_{value.stop_signal or _DEFAULT_SIGNAL}",
    )


def _variable(key: str, value: str) -> basic_pb2.KeyValue:
    # os.environ's way to keep bytes that are not UTF-8.
    return basic_pb2.KeyValue(key=key, value=value.encode(errors="surrogateescape"))


def list_filter(
    labels: Mapping[str, str] | None, sandbox_id: str, container_id: str, state: ContainerState | None
) -> container_pb2.ContainerFilter:
    """Which containers to list."""
    return container_pb2.ContainerFilter(
        id=container_id,
        pod_sandbox_id=sandbox_id,
        state=None if state is None else container_pb2.ContainerStateValue(state=f"CONTAINER_{state.name}"),
        label_selector=dict(labels or {}),
    )


def row_from(message: container_pb2.Container) -> Container:
    """A row of the list."""
    return Container(
        id=message.id,
        sandbox_id=message.pod_sandbox_id,
        name=message.metadata.name,
        attempt=message.metadata.attempt,
        image=message.image.image,
        image_ref=message.image_ref,
        state=_STATES.get(message.state, ContainerState.UNKNOWN),
        created_at=message.created_at,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        image_id=message.image_id,
    )


def status_from(
    message: container_pb2.ContainerStatus, info: Mapping[str, str] | None = None
) -> ContainerStatus:
    """A container's status."""
    return ContainerStatus(
        id=message.id,
        name=message.metadata.name,
        attempt=message.metadata.attempt,
        state=_STATES.get(message.state, ContainerState.UNKNOWN),
        created_at=message.created_at,
        started_at=message.started_at,
        finished_at=message.finished_at,
        exit_code=message.exit_code,
        reason=message.reason,
        message=message.message,
        image=message.image.image,
        image_ref=message.image_ref,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        log_path=message.log_path,
        resources=limits_from(message.resources.linux) if message.resources.HasField("linux") else None,
        info=dict(info or {}),
        mounts=tuple(mount_from(each) for each in message.mounts),
        image_id=message.image_id,
        user=_user_from(message.user.linux) if message.user.HasField("linux") else None,
        stop_signal=_signal_from(message.stop_signal),
    )


def _user_from(message: container_pb2.LinuxContainerUser) -> ContainerUser:
    return ContainerUser(message.uid, message.gid, tuple(message.supplemental_groups))


def _signal_from(number: signal_pb2.Signal) -> str:
    """The signal's usual name; "" for the default, and for a number that is newer than we are."""
    if number == 0 or number not in signal_pb2.Signal.values():
        return ""
    return signal_pb2.Signal.Name(number).removeprefix("SIGNAL_")
