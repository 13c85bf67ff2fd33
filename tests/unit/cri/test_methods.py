# SPDX-License-Identifier: Apache-2.0
"""The table of methods agrees with the compiled services, and with the table of deadlines."""

import subprocess
import sys
from dataclasses import fields

import pytest

from cri import Deadlines, methods
from cri.events_v1 import service_pb2 as events_service
from cri.methods import Method
from cri.tasks_v1 import service_pb2 as tasks_service
from cri.v1 import service_pb2

TABLE = {name: value for name, value in vars(methods).items() if isinstance(value, Method)}
SERVICES = [
    *service_pb2.DESCRIPTOR.services_by_name.values(),
    *events_service.DESCRIPTOR.services_by_name.values(),
    *tasks_service.DESCRIPTOR.services_by_name.values(),
]
COMPILED = {
    f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods
}

# Named in README: nobody calls these.
NOT_CALLED = {
    "StreamPodSandboxes",
    "StreamContainers",
    "StreamContainerStats",
    "StreamPodSandboxStats",
    "StreamPodSandboxMetrics",
    "StreamImages",
    "CheckpointPod",
    "RestorePod",
}


@pytest.mark.parametrize("name", list(TABLE))
def test_a_row_is_a_method_of_the_interface(name: str) -> None:
    row = TABLE[name]
    method = COMPILED[row.path]
    assert (method.input_type, method.output_type) == (row.request.DESCRIPTOR, row.answer.DESCRIPTOR)
    assert (row.limit == "endless") == method.server_streaming


def test_every_method_is_called_or_left_out_by_name() -> None:
    called = {row.path for row in TABLE.values()}
    assert {COMPILED[path].name for path in COMPILED.keys() - called} == NOT_CALLED


def test_every_deadline_is_used_and_there() -> None:
    used = {row.limit for row in TABLE.values()} - {"endless"}
    assert used == {field.name for field in fields(Deadlines)}


def test_only_what_changes_nothing_is_repeated() -> None:
    reads = {COMPILED[row.path].name for row in TABLE.values() if row.reads}
    verbs = ("List", "Version", "Status", "RuntimeConfig", "ImageFsInfo")
    assert all(name.startswith(verbs) or name.endswith(("Status", "Stats")) for name in reads), reads


def test_values_and_errors_do_not_load_grpc() -> None:
    """Planning code imports them; gRPC costs 20 MiB and 0.1 s, which only connecting needs."""
    script = (
        "import sys; from cri import NotFound, SandboxConfig;"
        "print([name for name in ('grpc', 'google.protobuf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
