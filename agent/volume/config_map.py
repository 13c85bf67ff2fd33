# SPDX-License-Identifier: Apache-2.0
"""Files of a ConfigMap."""

from collections.abc import Sequence

from lightkube.models import core_v1

from agent.objects import content
from agent.objects.model import ObjectAbsentError, Objects
from agent.volume.atomic_writer import File
from agent.volume.payload import Defaults, project


def config_map_files(
    objects: Objects,
    namespace: str,
    name: str,
    items: Sequence[core_v1.KeyToPath] | None,
    common: Defaults,
    *,
    optional: bool,
) -> dict[str, File]:
    """data and binaryData as files. Raises ObjectError or VolumeError for what is not optional."""
    try:
        values = content.config_map_files(objects, namespace, name)
    except ObjectAbsentError:
        if not optional:
            raise
        values = {}
    return project(values, items, common, kind="config", optional=optional)
