# SPDX-License-Identifier: Apache-2.0
"""The compiled interface has the published one's numbers, names and types (cri-v1.tsv), and no others."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    FileDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from cri.events_v1 import payload_pb2
from cri.events_v1 import service_pb2 as events_pb2
from cri.v1 import service_pb2

Row = tuple[str, str, str, str]
PACKAGE = "runtime.v1."


def facts() -> set[Row]:
    """The published interface, in the rows of the file: kind, owner, name (and number), type or number."""
    lines = (Path(__file__).parent / "cri-v1.tsv").read_text().splitlines()
    return {row(*line.split("\t")) for line in lines}


def row(*parts: str) -> Row:
    kind, owner, name, value = parts
    return (kind, owner, name, value)


def all_files(file: FileDescriptor) -> Iterator[FileDescriptor]:
    """The file and what it imports, of our package."""
    if file.package == "runtime.v1":
        yield file
        for imported in file.dependencies:
            yield from all_files(imported)


def compiled(files: set[FileDescriptor]) -> Iterator[Row]:
    """The compiled interface in the same rows."""
    for file in files:
        for message in file.message_types_by_name.values():
            yield from message_rows(message)
        for enum in file.enum_types_by_name.values():
            yield from enum_rows(enum)
        for service in file.services_by_name.values():
            yield from service_rows(service)


def message_rows(message: Descriptor) -> Iterator[Row]:
    owner = short(message.full_name)
    if not message.fields:
        yield ("field", owner, "(no fields)", "")
    for field in message.fields:
        yield ("field", owner, f"{field.name} = {field.number}", type_of(field))
    for enum in message.enum_types:
        yield from enum_rows(enum)


def enum_rows(enum: EnumDescriptor) -> Iterator[Row]:
    for value in enum.values:
        yield ("enum", short(enum.full_name), value.name, str(value.number))


def service_rows(service: ServiceDescriptor) -> Iterator[Row]:
    for method in service.methods:
        stream = " (server stream)" if method.server_streaming else ""
        path = f"{service.full_name}/{method.name}"
        yield ("rpc", path, method.input_type.name, method.output_type.name + stream)


def type_of(field: FieldDescriptor) -> str:
    """A field's type as .proto files write it."""
    message = field.message_type
    if message and message.GetOptions().map_entry:
        key, value = message.fields_by_name["key"], message.fields_by_name["value"]
        return f"map<{scalar(key)}, {scalar(value)}>"
    return ("repeated " if field.is_repeated else "") + scalar(field)


def scalar(field: FieldDescriptor) -> str:
    if named := field.message_type or field.enum_type:
        return str(named.name)
    return (
        FieldDescriptorProto.Type.Name(FieldDescriptorProto.Type.ValueType(field.type))
        .removeprefix("TYPE_")
        .lower()
    )


def short(full_name: str) -> str:
    return full_name.removeprefix(PACKAGE)


def test_cri_is_the_published_interface() -> None:
    have, want = set(compiled(set(all_files(service_pb2.DESCRIPTOR)))), facts()
    assert have - want == set(), "not published"
    assert want - have == set(), "published, but not here"


def test_every_message_of_cri_says_what_it_is() -> None:
    """A doc comment directly above each message, enum and service."""
    folder = Path(__file__).resolve().parents[3] / "proto"
    for path in folder.rglob("*.proto"):
        lines = path.read_text().splitlines()
        for before, line in itertools.pairwise(lines):
            if re.match(r"\s*(message|enum|service) ", line):
                assert before.strip().startswith("//"), f"{path.name}: {line}"


def test_containerd_events_have_containerds_names() -> None:
    """Requests go by the service's full name, payloads are told apart by the message's full name."""
    assert (
        events_pb2.DESCRIPTOR.services_by_name["Events"].full_name == "containerd.services.events.v1.Events"
    )
    assert payload_pb2.TaskDelete.DESCRIPTOR.full_name == "containerd.events.TaskDelete"
