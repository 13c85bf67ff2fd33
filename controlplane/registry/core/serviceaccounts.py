# SPDX-License-Identifier: Apache-2.0
"""ServiceAccount."""

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, count
from controlplane.registry.derive import derive
from controlplane.registry.strategy import KindStrategy

RESOURCE = derive(
    core_v1.ServiceAccount,
    short_names=("sa",),
    columns=(NAME, count("Secrets", "secrets"), AGE),
    strategy=KindStrategy(),
)
