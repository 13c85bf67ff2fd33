# SPDX-License-Identifier: Apache-2.0
"""On which nodes a pod may run; the node looks at it again before it starts a pod."""

from typing import Final

from lightkube.models import core_v1

from agent.sources.fields.rules import SCHEDULED, YES, Fields, Ignored, every

PLACEMENT: Final[Fields] = {
    core_v1.Affinity: {"nodeAffinity": YES, "podAffinity": SCHEDULED, "podAntiAffinity": SCHEDULED},
    core_v1.NodeAffinity: {
        "requiredDuringSchedulingIgnoredDuringExecution": YES,
        "preferredDuringSchedulingIgnoredDuringExecution": SCHEDULED,
    },
    core_v1.NodeSelector: every("nodeSelectorTerms"),
    core_v1.NodeSelectorTerm: every("matchExpressions matchFields"),
    core_v1.NodeSelectorRequirement: every("key operator values"),
    core_v1.Toleration: {
        **every("key operator value effect"),
        "tolerationSeconds": Ignored("a controller of the API server counts them and deletes the pod"),
    },
}
