# SPDX-License-Identifier: Apache-2.0
"""What people do with kubectl, as tables: commands and what is read."""

from typing import Final

from tests.node.controlplane.stories.applying import APPLYING
from tests.node.controlplane.stories.creating import CREATING
from tests.node.controlplane.stories.reading import READING
from tests.node.controlplane.stories.refusing import REFUSING
from tests.node.controlplane.stories.running import RUNNING

STORIES: Final = (*CREATING, *READING, *APPLYING, *REFUSING, *RUNNING)
