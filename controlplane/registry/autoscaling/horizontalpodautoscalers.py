# SPDX-License-Identifier: Apache-2.0
"""HorizontalPodAutoscaler of autoscaling/v2, the version that is stored."""

from lightkube.resources import autoscaling_v2

from controlplane.registry.autoscaling.hpa_print import HPA_COLUMNS
from controlplane.registry.autoscaling.hpa_strategy import AutoscalerStrategy
from controlplane.registry.derive import derive

RESOURCE = derive(
    autoscaling_v2.HorizontalPodAutoscaler,
    short_names=("hpa",),
    categories=("all",),
    columns=HPA_COLUMNS,
    strategy=AutoscalerStrategy(),
)
