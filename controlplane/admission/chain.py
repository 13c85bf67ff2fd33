# SPDX-License-Identifier: Apache-2.0
"""All plugins one after the other: every mutation in order, later every validation, and taking back on failure."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from controlplane.request import Admission, Plugin

# The order of Kubernetes (pkg/kubeapiserver/options/plugins.go), as far as we have the plugins. ResourceQuota is the
# last: what it reserves was accepted by all others.
ORDER: Final = (
    "NamespaceLifecycle",
    "LimitRanger",
    "ServiceAccount",
    "NodeRestriction",
    "PodSecurity",
    "Priority",
    "DefaultTolerationSeconds",
    "DefaultStorageClass",
    "RuntimeClass",
    "DefaultIngressClass",
    "ResourceQuota",
)


def ordered(plugins: Iterable[Plugin]) -> tuple[Plugin, ...]:
    """The plugins in ORDER; those that it does not name come before ResourceQuota, in the order given."""
    places = {name: place for place, name in enumerate(ORDER)}
    unknown = places["ResourceQuota"] - 0.5
    return tuple(sorted(plugins, key=lambda plugin: places.get(plugin.name, unknown)))


async def mutate(plugins: Sequence[Plugin], admission: Admission) -> None:
    """Let every plugin change admission.object in place, or refuse with an ApiError."""
    for plugin in plugins:
        await plugin.mutate(admission)


@asynccontextmanager
async def validated(plugins: Sequence[Plugin], admission: Admission) -> AsyncIterator[None]:
    """Let every plugin refuse; inside, the write happens. When either fails, what plugins reserved is given back.

    A write that was cancelled may have happened: then nothing is given back, and the next recount corrects it.
    """
    try:
        for plugin in plugins:
            await plugin.validate(admission)
    except BaseException:
        await _undo(admission)
        raise
    try:
        yield
    except Exception:
        await _undo(admission)
        raise


async def _undo(admission: Admission) -> None:
    while admission.undo:
        await admission.undo.pop()()
