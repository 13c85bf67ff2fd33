# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

import pytest

from tests.support.node import Node, running_node


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """One node for the tests of a file; each test uses pod names of its own and takes its manifests away."""
    with running_node() as made:
        yield made
