# SPDX-License-Identifier: Apache-2.0
"""One server for each module: tests use names and namespaces of their own."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.apiserver import Running, running

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def ns(api: Running) -> str:
    """A namespace that nobody else uses; gives the path of it."""
    name = f"test{next(_NUMBERS)}"
    made = api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.code == 201, made.body
    return f"/api/v1/namespaces/{name}"
