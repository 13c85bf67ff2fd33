# SPDX-License-Identifier: Apache-2.0
"""Pod."""

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, WIDE, computed, text
from controlplane.registry.core.pod_strategy import PodStrategy
from controlplane.registry.derive import derive
from controlplane.registry.pod_print import readiness_gates, summarize
from controlplane.registry.resource import Subresource

_STREAM = ("create", "get")

RESOURCE = derive(
    core_v1.Pod,
    short_names=("po",),
    categories=("all",),
    subresources=(
        Subresource("attach", _STREAM, "PodAttachOptions", "", "v1"),
        Subresource("exec", _STREAM, "PodExecOptions", "", "v1"),
        Subresource("portforward", _STREAM, "PodPortForwardOptions", "", "v1"),
        Subresource("proxy", ("create", "delete", "get", "patch", "update"), "PodProxyOptions", "", "v1"),
    ),
    columns=(
        NAME,
        computed("Ready", lambda pod: summarize(pod).ready),
        computed("Status", lambda pod: summarize(pod).status),
        computed("Restarts", lambda pod: summarize(pod).restarts),
        AGE,
        text("IP", "status", "podIP", priority=WIDE),
        text("Node", "spec", "nodeName", priority=WIDE),
        text("Nominated Node", "status", "nominatedNodeName", priority=WIDE),
        computed("Readiness Gates", readiness_gates, priority=WIDE),
    ),
    strategy=PodStrategy(),
)
