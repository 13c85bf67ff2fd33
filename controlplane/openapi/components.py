# SPDX-License-Identifier: Apache-2.0
"""The definitions that a document needs: everything that its paths take and give, and what that consists of."""

from collections.abc import Iterator, Sequence
from typing import Any

from controlplane.openapi import names
from controlplane.openapi.definitions import Dialect, definition, leaf, reachable
from controlplane.openapi.kinds import kinds_of, models_of, with_subresources
from controlplane.openapi.model import Route
from controlplane.registry import Registry

Json = dict[str, Any]


def components(registry: Registry, paths: Sequence[Route], dialect: Dialect) -> Iterator[tuple[str, Json]]:
    """Each definition by its name, in order."""
    kinds = with_subresources(kinds_of(registry), paths)
    models, leaves = reachable(models_of(paths))
    if any(operation.method == "patch" for route in paths for operation in route.operations):
        leaves.add(names.PATCH)
    for name in sorted({*models, *leaves}):
        if name in models:
            told = [kind.to_data() for kind in kinds.get(name, ())]
            yield name, definition(models[name], told, dialect)
        else:
            yield name, leaf(name, dialect)
