# SPDX-License-Identifier: Apache-2.0
"""Labs for tests: up before, down after, with names that never meet another test's."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.labimages import load_images
from lab import Lab, LabSpec
from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, kubectl_or_skip

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


@contextmanager
def joined(**values: Any) -> Iterator[Cluster]:
    """A lab of one's own with a control plane that its nodes have joined, images loaded; values of LabSpec."""
    if os.geteuid() != 0:
        pytest.skip("labs need root")
    kubectl_or_skip()
    with (
        tempfile.TemporaryDirectory(prefix="ol-") as home,
        Lab(unique_spec(controlplane=True, **values)) as lab,
    ):
        load_images(lab)
        cluster = Cluster(lab, Kubectl(Path(home), lab.paths.controlplane.kubeconfig))
        cluster.await_nodes()
        yield cluster


@pytest.fixture(scope="session")
def joined_lab() -> Iterator[Cluster]:
    """One lab whose node has joined its control plane, for all tests of a worker; use `cluster` for pods."""
    with joined() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster(joined_lab: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The joined lab, with a namespace for the tests of this module, which is empty afterwards.

    Do not kill its processes: other modules use them. `joined` gives a lab for that.
    """
    name = f"{request.module.__name__.rpartition('.')[2].replace('_', '-')[:40]}-{secrets.token_hex(2)}"
    with joined_lab.namespace(name) as inside:
        yield inside
