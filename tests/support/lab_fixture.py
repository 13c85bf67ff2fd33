# SPDX-License-Identifier: Apache-2.0
"""Labs for tests: up before, down after, with names that never meet another test's."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab import Lab, LabSpec

Factory = Callable[..., Lab]


def unique_spec(**values: Any) -> LabSpec:
    """A specification with a name and a short root of its own (a unix socket's path has at most 107 bytes).

    Without a control plane, unless it is asked for.
    """
    name = f"t{secrets.token_hex(3)}"
    root = Path(tempfile.gettempdir()) / f"ol-{name}"
    return LabSpec(**{"name": name, "root": root, "controlplane": False, **values})


def idle_node(**values: Any) -> LabSpec:
    """A lab whose nodes run containerd and, in place of `orlop node`, something that only lives."""
    return unique_spec(**{"node_command": ("sleep", "infinity"), "node_ready": "", **values})


@pytest.fixture
def lab_factory() -> Iterator[Factory]:
    """Makes labs (not up yet) and takes them down after the test, whatever became of them.

    lab_factory(**values): values of LabSpec; lab_factory(spec): a whole one.
    """
    if os.geteuid() != 0:
        pytest.skip("labs need root")
    with ExitStack() as stack:

        def make(spec: LabSpec | None = None, **values: Any) -> Lab:
            lab = Lab(spec or unique_spec(**values))
            stack.callback(lab.down)
            return lab

        yield make


@pytest.fixture(scope="session")
def orlop_lab() -> Iterator[Lab]:
    """One whole lab with one node for all tests of a worker that use it; name your pods by your test."""
    if os.geteuid() != 0:
        pytest.skip("labs need root")
    with Lab(unique_spec()) as lab:
        yield lab
