# SPDX-License-Identifier: Apache-2.0
"""The contract of tests/support/cri_contract.py, kept by containerd of three Debian suites."""

from collections.abc import Iterator

import pytest

from tests.support import cri_contract
from tests.support.cri_contract import Target
from tests.support.releases import RELEASES, containerd_release
from tests.support.runtime_fixture import running

pytestmark = pytest.mark.node


@pytest.fixture(scope="module", params=list(RELEASES))
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with running(containerd_release(request.param)) as containerd:
        yield Target(containerd.socket, containerd.root, containerd.cgroup_parent)


@pytest.mark.parametrize("scenario", cri_contract.SCENARIOS, ids=lambda each: each.__name__)
def test_contract(scenario: cri_contract.Scenario, target: Target) -> None:
    cri_contract.run(scenario, target)
