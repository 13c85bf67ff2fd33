# SPDX-License-Identifier: Apache-2.0
"""No field is lost between our values and the wire: each is filled, converted, and looked for on the other side."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from cri import (
    Auth,
    ContainerConfig,
    ContainerState,
    IdMapping,
    LinuxResources,
    Mount,
    MountPropagation,
    NamespaceMode,
    Namespaces,
    PortMapping,
    SandboxConfig,
    SandboxMetadata,
    SandboxState,
    UserNamespace,
)
from cri.v1 import (
    container_calls_pb2,
    container_pb2,
    image_calls_pb2,
    image_pb2,
    metrics_pb2,
    runtime_calls_pb2,
    sandbox_calls_pb2,
    sandbox_pb2,
    stats_pb2,
)
from cri.wire import container, image, resources, runtime, sandbox, usage

# What our values leave out on purpose, by message and field.
LEFT_OUT = {
    "PodSandboxConfig.windows": "nodes run Linux",
    "ContainerConfig.windows": "nodes run Linux",
    "LinuxSandboxSecurityContext.seccomp_profile_path": "replaced by seccomp",
    "LinuxContainerSecurityContext.seccomp_profile_path": "replaced by seccomp",
    "LinuxContainerSecurityContext.apparmor_profile": "replaced by apparmor",
    "ImageSpec.annotations": "of pulls only",
    "ImageSpec.user_specified_image": "of containers only",
    "ImageSpec.runtime_handler": "not of image volumes",
    "ImageSpec.image_ref": "nothing reads it",
}
WORDS = {"protocol": "UDP", "stop_signal": "SIGUSR1", "permissions": "rw"}


def full(kind: Any, name: str = "") -> Any:
    """A value of a type in which nothing has its default."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return full(arguments[0], name)
    if origin is tuple:
        return tuple(full(each) for each in arguments if each is not Ellipsis)
    if origin is Mapping:
        return {"key": full(arguments[1])}
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return typing.cast(Any, kind)(
            **{each.name: full(hints[each.name], each.name) for each in dataclasses.fields(kind)}
        )
    if issubclass(kind, Enum):
        return list(kind)[-1]
    return {str: WORDS.get(name, "text"), int: 7, bool: True}[kind]


def unset(message: Message) -> Iterator[str]:
    """The fields that are not set, here and below, besides those left out on purpose."""
    present = {field.name for field, _ in message.ListFields()}
    for field in message.DESCRIPTOR.fields:
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        if name in LEFT_OUT:
            continue
        if field.name not in present:
            yield name
        elif field.message_type and not field.message_type.GetOptions().map_entry:
            value = getattr(message, field.name)
            for each in value if field.is_repeated else (value,):
                yield from unset(each)


def filled(message: Message, depth: int = 0) -> Any:
    """The message with no field at its default."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type and field.message_type.GetOptions().map_entry:
            value["key"] = "text"
        elif field.is_repeated:
            if field.message_type:
                filled(value.add(), depth + 1)
            else:
                value.append(scalar(field))
        elif field.message_type:
            value.SetInParent()
            filled(value, depth + 1)
        else:
            setattr(message, field.name, scalar(field))
    return message


def scalar(field: Any) -> Any:
    if field.enum_type:
        return field.enum_type.values[-1].number
    texts = {FieldDescriptor.CPPTYPE_STRING: b"text" if field.type == FieldDescriptor.TYPE_BYTES else "text"}
    return texts.get(field.cpp_type, 1)


def empty(value: Any, path: str = "") -> Iterator[str]:
    """The fields of a value, here and below, that hold nothing."""
    if isinstance(value, tuple):
        for each in value:
            yield from empty(each, path)
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            here = f"{path}.{field.name}"
            if not getattr(value, field.name):
                yield here
            yield from empty(getattr(value, field.name), here)


@pytest.mark.parametrize(
    "message",
    [
        sandbox.config(full(SandboxConfig)),
        container.config(full(ContainerConfig)),
        image.auth(full(Auth)),
        sandbox.list_filter({"a": "b"}, "id", SandboxState.NOT_READY),
        container.list_filter({"a": "b"}, "sandbox", "id", ContainerState.EXITED),
        usage.container_filter({"a": "b"}, "sandbox", "id"),
        usage.sandbox_filter({"a": "b"}, "id"),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_every_field_reaches_the_wire(message: Message) -> None:
    assert list(unset(message)) == []


@pytest.mark.parametrize(
    ("value", "told_elsewhere"),
    [
        (sandbox.row_from(filled(sandbox_pb2.PodSandbox())), set()),
        # The last state there is, NOTREADY, is 1; the last container state is UNKNOWN.
        (sandbox.status_from(filled(sandbox_calls_pb2.PodSandboxStatusResponse())), {".containers.info"}),
        (container.row_from(filled(container_pb2.Container())), set()),
        (container.status_from(filled(container_pb2.ContainerStatus()), {"a": "b"}), set()),
        (image.image_from(filled(image_pb2.Image()), {"a": "b"}), set()),
        (usage.container_from(filled(stats_pb2.ContainerStats())), set()),
        (usage.sandbox_from(filled(stats_pb2.PodSandboxStats())), set()),
        (usage.image_fs_from(filled(image_calls_pb2.ImageFsInfoResponse())), set()),
        (usage.descriptor_from(filled(metrics_pb2.MetricDescriptor())), set()),
        # The last metric type is GAUGE, so `counter` is False.
        (usage.metrics_from(filled(metrics_pb2.PodSandboxMetrics())), {".metrics.counter"}),
        (runtime.version_from(filled(runtime_calls_pb2.VersionResponse())), set()),
        (runtime.status_from(filled(runtime_calls_pb2.StatusResponse())), set()),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_field_is_read_from_the_wire(value: Any, told_elsewhere: set[str]) -> None:
    assert set(empty(value)) == told_elsewhere


def test_none_is_not_zero() -> None:
    nothing = usage.container_from(stats_pb2.ContainerStats())
    assert (nothing.cpu, nothing.memory, nothing.writable_layer) == (None, None, None)
    message = stats_pb2.ContainerStats()
    message.cpu.usage_core_nano_seconds.value = 0
    measured = usage.container_from(message).cpu
    assert measured is not None
    assert (measured.total_ns, measured.rate_nanocores) == (0, None)
    assert image.image_from(image_pb2.Image()).uid is None


def test_states_that_are_newer_than_we_are() -> None:
    later = container_pb2.ContainerStatus.FromString(b"\x18\x63\x98\x01\x63")  # state = 99, stop_signal = 99
    status = container.status_from(later)
    assert (status.state, status.stop_signal) == (ContainerState.UNKNOWN, "")
    row = sandbox.row_from(sandbox_pb2.PodSandbox.FromString(b"\x18\x63"))  # state = 99
    assert row.state is SandboxState.NOT_READY


def test_every_state_is_told_apart() -> None:
    states = [container.row_from(container_pb2.Container(state=number)).state for number in range(4)]  # type: ignore[arg-type]
    assert states == [
        ContainerState.CREATED,
        ContainerState.RUNNING,
        ContainerState.EXITED,
        ContainerState.UNKNOWN,
    ]
    ready = sandbox.row_from(sandbox_pb2.PodSandbox(state="SANDBOX_READY"))
    assert ready.state is SandboxState.READY


def test_an_environment_need_not_be_utf_8() -> None:
    value = b"\xff\xfe".decode(errors="surrogateescape")
    message = container.config(ContainerConfig("app", "image", env=(("A", value), ("B", "ü"))))
    assert [each.value for each in message.envs] == [b"\xff\xfe", "ü".encode()]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: container.config(ContainerConfig("app", "image", stop_signal="SIGNOPE")), "SIGNOPE"),
        (
            lambda: sandbox.config(
                SandboxConfig(
                    SandboxMetadata("a", "b", "c"), port_mappings=(PortMapping(80, protocol="ICMP"),)
                )
            ),
            "ICMP",
        ),
    ],
)
def test_words_that_cri_does_not_have_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


numbers = st.integers(0, 2**31 - 1)
mappings = st.tuples(st.builds(IdMapping, numbers, numbers, numbers))
texts = st.text(max_size=5)
words = st.dictionaries(texts, texts, max_size=2)


@given(
    st.builds(
        LinuxResources,
        unified=words,
        hugepage_limits=st.dictionaries(texts, numbers, max_size=2),
        **dict.fromkeys(
            ("cpu_period", "cpu_quota", "cpu_shares", "memory_limit", "memory_swap_limit"), numbers
        ),
        oom_score_adj=st.integers(-1000, 1000),
    )
)
def test_limits_there_and_back(value: LinuxResources) -> None:
    assert resources.limits_from(resources.limits(value)) == value


@given(
    st.builds(
        Namespaces,
        network=st.sampled_from(NamespaceMode),
        pid=st.sampled_from(NamespaceMode),
        ipc=st.sampled_from(NamespaceMode),
        target_id=texts,
        user=st.none() | st.builds(UserNamespace, st.sampled_from(NamespaceMode), mappings, mappings),
    )
)
def test_namespaces_there_and_back(value: Namespaces) -> None:
    assert resources.namespaces_from(resources.namespaces(value)) == value


@given(
    st.builds(
        Mount,
        texts,
        texts,
        st.booleans(),
        st.sampled_from(MountPropagation),
        st.booleans(),
        st.booleans(),
        mappings,
        mappings,
        texts,
        texts,
        st.tuples(texts),
    )
)
def test_mounts_there_and_back(value: Mount) -> None:
    assert resources.mount_from(resources.mount(value)) == value


def test_a_filled_create_request_is_accepted_by_protobuf() -> None:
    request = container_calls_pb2.CreateContainerRequest(
        config=container.config(full(ContainerConfig)), sandbox_config=sandbox.config(full(SandboxConfig))
    )
    assert container_calls_pb2.CreateContainerRequest.FromString(request.SerializeToString()) == request
