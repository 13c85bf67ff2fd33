# SPDX-License-Identifier: Apache-2.0
"""The stories with kubectl 1.20, as Debian 12 has it: OpenAPI v2 as protobuf, and beta versions that are no more."""

from collections.abc import Iterator

import pytest

from tests.node.controlplane.stories import without
from tests.support.kubectl import Kubectl, minor_of, served
from tests.support.kubectl_releases import kubectl_release
from tests.support.kubectl_story import Story, play

# Told as by the installed version.
AS_INSTALLED = ("label", "immutable", "admission", "create-limits", "wait", "scale", "who", "nodes")


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    program = str(kubectl_release("1.20"))
    with served(tmp_path_factory.mktemp("controlplane"), program) as client:
        yield client


@pytest.mark.parametrize("story", without(*AS_INSTALLED), ids=lambda story: story.name)
def test_story(story: Story, kubectl: Kubectl) -> None:
    play(story, kubectl, minor_of(kubectl.program))
