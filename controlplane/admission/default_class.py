# SPDX-License-Identifier: Apache-2.0
"""Which class is the default one: it says so in an annotation."""

from collections.abc import Iterable

from controlplane.registry.data import Json, look, mapping


def default_name(classes: Iterable[Json], *annotations: str) -> str | None:
    """The name of the class that has one of these annotations as "true".

    Of several, the newest counts, so that a new default can be made before the old one is unmade; of equally new ones
    the first by name.
    """
    marked = [
        one
        for one in classes
        if any(
            mapping(one, "metadata", "annotations").get(annotation) == "true" for annotation in annotations
        )
    ]
    by_name = sorted(marked, key=lambda one: str(one["metadata"]["name"]))
    newest = max(
        by_name, key=lambda one: str(look(one, "metadata", "creationTimestamp", default="")), default=None
    )
    return str(newest["metadata"]["name"]) if newest else None
