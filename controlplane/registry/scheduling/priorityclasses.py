# SPDX-License-Identifier: Apache-2.0
"""PriorityClass."""

from typing import ClassVar, Final

from lightkube.resources import scheduling_v1

from controlplane.registry.columns import AGE, NAME, number, text
from controlplane.registry.data import Defaults, Json, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_choice
from controlplane.registry.resource import Column
from controlplane.registry.strategy import KindStrategy, Problems
from kube.problem import forbidden

HIGHEST_USER_PRIORITY: Final = 1_000_000_000
# The two that come with every cluster.
SYSTEM_CLASSES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_SYSTEM_PREFIX: Final = "system-"


class PriorityClassStrategy(KindStrategy):
    """A number, which stays; the highest ones are the system's."""

    defaults: ClassVar[Defaults] = {(): {"preemptionPolicy": "PreemptLowerPriority"}}
    immutable = (("value",), ("preemptionPolicy",))

    def prepare_create(self, obj: Json) -> None:
        """The first generation, and the last."""
        obj["metadata"]["generation"] = 1

    def prepare_update(self, obj: Json, old: Json) -> None:
        """Nothing counts here."""

    def problems(self, obj: Json) -> Problems:
        """The system's names with the system's numbers only."""
        name, value = look(obj, "metadata", "name", default=""), look(obj, "value", default=0)
        if name.startswith(_SYSTEM_PREFIX):
            if SYSTEM_CLASSES.get(name) != value:
                message = (
                    f"priority class names with '{_SYSTEM_PREFIX}' prefix are reserved for system use only"
                )
                yield forbidden(("metadata", "name"), message)
        elif value > HIGHEST_USER_PRIORITY:
            message = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
            yield forbidden(("value",), message)
        yield from check_choice(obj, ("preemptionPolicy",), ("Never", "PreemptLowerPriority"))


RESOURCE = derive(
    scheduling_v1.PriorityClass,
    short_names=("pc",),
    columns=(
        NAME,
        number("Value", "value"),
        Column("Global-Default", lambda obj: bool(look(obj, "globalDefault")), type="boolean"),
        AGE,
        text("PreemptionPolicy", "preemptionPolicy", empty=""),
    ),
    strategy=PriorityClassStrategy(),
)
