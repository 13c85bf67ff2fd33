# SPDX-License-Identifier: Apache-2.0
"""PodDisruptionBudget."""

from collections.abc import Mapping
from typing import ClassVar

from lightkube.resources import policy_v1

from controlplane.registry.columns import AGE, NAME, number, text
from controlplane.registry.data import Json, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_choice, check_selector
from controlplane.registry.strategy import KindStrategy, Problems
from controlplane.registry.workloads import check_share
from kube.problem import refused


class BudgetStrategy(KindStrategy):
    """How many pods must stay, or may go, at once."""

    has_generation = True
    spec_defaults: ClassVar[Mapping[str, object] | None] = {}
    initial_status: ClassVar[Json | None] = {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    }

    def problems(self, obj: Json) -> Problems:
        """One of the two numbers, and a selector that can be read."""
        least, most = look(obj, "spec", "minAvailable"), look(obj, "spec", "maxUnavailable")
        if least is not None and most is not None:
            yield refused(("spec",), "", "minAvailable and maxUnavailable cannot be both set")
        for field, value in (("minAvailable", least), ("maxUnavailable", most)):
            yield from check_share(value, ("spec", field))
            if isinstance(value, str) and value[:-1].isdecimal() and int(value[:-1]) > 100:
                yield refused(("spec", field), value, "must not be greater than 100%")
        yield from check_selector(look(obj, "spec", "selector"), ("spec", "selector"))
        path = ("spec", "unhealthyPodEvictionPolicy")
        yield from check_choice(obj, path, ("AlwaysAllow", "IfHealthyBudget"))


RESOURCE = derive(
    policy_v1.PodDisruptionBudget,
    short_names=("pdb",),
    columns=(
        NAME,
        text("Min Available", "spec", "minAvailable", empty="N/A"),
        text("Max Unavailable", "spec", "maxUnavailable", empty="N/A"),
        number("Allowed Disruptions", "status", "disruptionsAllowed"),
        AGE,
    ),
    strategy=BudgetStrategy(),
)
