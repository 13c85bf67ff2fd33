# SPDX-License-Identifier: Apache-2.0
"""Asking the admission plugins: all mutate in their order, later all validate in their order."""

from collections.abc import Sequence
from typing import Any

from controlplane.request import Admission, Operation, Plugin
from controlplane.verbs.call import Call

Json = dict[str, Any]


def admission_of(call: Call, operation: Operation, obj: Json | None, old: Json | None) -> Admission:
    """The question; plugins add warnings to the call's."""
    return Admission(
        call.attributes, operation, call.resource.kind, obj, old, call.options.dry_run, warnings=call.warnings
    )


async def mutate(plugins: Sequence[Plugin], admission: Admission) -> None:
    """Let every plugin change admission.object in place, or refuse."""
    for plugin in plugins:
        await plugin.mutate(admission)


async def validate(plugins: Sequence[Plugin], admission: Admission) -> None:
    """Let every plugin refuse."""
    for plugin in plugins:
        await plugin.validate(admission)
