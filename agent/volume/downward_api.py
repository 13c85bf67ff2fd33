# SPDX-License-Identifier: Apache-2.0
"""Files of the downward API."""

from collections.abc import Sequence

from lightkube.models import core_v1

from agent.pod.downward import field_value, resource_value
from agent.pod.facts import PodFacts
from agent.volume.atomic_writer import File
from agent.volume.errors import VolumeError
from agent.volume.payload import Defaults, checked, chosen


def downward_files(
    pod: core_v1.Pod, items: Sequence[core_v1.DownwardAPIVolumeFile] | None, common: Defaults, facts: PodFacts
) -> dict[str, File]:
    """A file for each item. Raises ConfigError for a field that there is not, and VolumeError for a bad path."""
    return {
        checked(item.path): File(
            _value(pod, item, facts).encode(errors="surrogateescape"),
            chosen(item.mode, common.mode),
            chosen(item.user, common.uid),
        )
        for item in items or ()
    }


def _value(pod: core_v1.Pod, item: core_v1.DownwardAPIVolumeFile, facts: PodFacts) -> str:
    if item.fieldRef:
        return field_value(pod, item.fieldRef.fieldPath, facts)
    if item.resourceFieldRef:
        return resource_value(pod, None, item.resourceFieldRef, facts)
    raise VolumeError(f"downwardAPI file {item.path} has neither fieldRef nor resourceFieldRef")
