# SPDX-License-Identifier: Apache-2.0
"""The stories with the kubectl that is installed."""

from collections.abc import Iterator

import pytest

from tests.node.controlplane.stories import STORIES
from tests.support.kubectl import Kubectl, kubectl_or_skip, minor_of, served
from tests.support.kubectl_story import Story, play


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    kubectl_or_skip()
    with served(tmp_path_factory.mktemp("controlplane")) as client:
        yield client


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story, kubectl: Kubectl) -> None:
    play(story, kubectl, minor_of(kubectl.program))
