# SPDX-License-Identifier: Apache-2.0
"""RuntimeClass."""

from lightkube.resources import node_v1

from controlplane.registry.columns import AGE, NAME, text
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_quantities
from controlplane.registry.pod_checks import check_toleration
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_LABEL, check_labels


class RuntimeClassStrategy(KindStrategy):
    """The name of a handler of the container runtime; it stays."""

    immutable = (("handler",),)

    def problems(self, obj: Json) -> Problems:
        """The handler, what a pod costs besides its containers, and where it can run."""
        yield from DNS_LABEL.check(("handler",), look(obj, "handler"))
        yield from check_quantities(mapping(obj, "overhead", "podFixed"), ("overhead", "podFixed"))
        yield from check_labels(("scheduling", "nodeSelector"), mapping(obj, "scheduling", "nodeSelector"))
        for index, toleration in enumerate(items(obj, "scheduling", "tolerations")):
            yield from check_toleration(toleration, ("scheduling", "tolerations", index))


RESOURCE = derive(
    node_v1.RuntimeClass,
    columns=(NAME, text("Handler", "handler", empty=""), AGE),
    strategy=RuntimeClassStrategy(),
)
