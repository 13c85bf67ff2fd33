# SPDX-License-Identifier: Apache-2.0
"""What people do with kubectl, as tables: commands and what is read."""

from typing import Final

from tests.node.controlplane.stories.applying import APPLYING
from tests.node.controlplane.stories.creating import CREATING
from tests.node.controlplane.stories.reading import READING
from tests.node.controlplane.stories.refusing import REFUSING
from tests.node.controlplane.stories.running import RUNNING
from tests.support.kubectl_story import Story

STORIES: Final[tuple[Story, ...]] = (*CREATING, *READING, *APPLYING, *REFUSING, *RUNNING)


def without(*names: str) -> tuple[Story, ...]:
    """All but these: for further versions of kubectl, which differ from the installed one in some commands only."""
    left = {story.name for story in STORIES} - set(names)
    return tuple(story for story in STORIES if story.name in left)
