# SPDX-License-Identifier: Apache-2.0
"""Files of a Secret."""

from collections.abc import Sequence

from lightkube.models import core_v1

from agent.objects import content
from agent.objects.model import ObjectAbsentError, Objects
from agent.volume.atomic_writer import File
from agent.volume.payload import Defaults, project


def secret_files(
    objects: Objects,
    namespace: str,
    name: str,
    items: Sequence[core_v1.KeyToPath] | None,
    common: Defaults,
    *,
    optional: bool,
) -> dict[str, File]:
    """The Secret's data as files. Raises ObjectError or VolumeError for what is not optional."""
    try:
        values = content.secret_files(objects, namespace, name)
    except ObjectAbsentError:
        if not optional:
            raise
        values = {}
    return project(values, items, common, kind="secret", optional=optional)
