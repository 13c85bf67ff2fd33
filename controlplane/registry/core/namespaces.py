# SPDX-License-Identifier: Apache-2.0
"""Namespace: goes in two steps, for what is inside it has to go first."""

from collections.abc import Mapping
from typing import Final

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, text
from controlplane.registry.data import Json, items, look, member
from controlplane.registry.derive import derive
from controlplane.registry.strategy import KindStrategy
from kube.names import DNS_LABEL

FINALIZER: Final = "kubernetes"
NAME_LABEL: Final = "kubernetes.io/metadata.name"


class NamespaceStrategy(KindStrategy):
    """spec.finalizers belong to the subresource finalize, status.phase to the deletion."""

    name_rule = DNS_LABEL

    def set_defaults(self, obj: Json) -> None:
        """The label that selects a namespace by its name."""
        name = look(obj, "metadata", "name", default="")
        if name:
            member(obj["metadata"], "labels")[NAME_LABEL] = name

    def prepare_create(self, obj: Json) -> None:
        """Active, and held until its content is gone."""
        super().prepare_create(obj)
        obj["status"] = {"phase": "Active"}
        finalizers = items(obj, "spec", "finalizers")
        member(obj, "spec")["finalizers"] = [*finalizers, *([] if FINALIZER in finalizers else [FINALIZER])]

    def prepare_update(self, obj: Json, old: Json) -> None:
        """An update of the namespace itself leaves spec.finalizers alone."""
        super().prepare_update(obj, old)
        _keep(obj, old, "spec")

    def prepare_subresource(self, name: str, obj: Json, old: Json) -> None:
        """Finalize changes spec.finalizers only."""
        if name != "finalize":
            super().prepare_subresource(name, obj, old)
            return
        spec = {"finalizers": items(obj, "spec", "finalizers")}
        obj.clear()
        obj.update(old)
        obj["spec"] = spec if spec["finalizers"] else {}

    def begin_deletion(self, obj: Json) -> None:
        """The phase tells everybody that nothing new comes in."""
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}

    def is_held(self, obj: Json) -> bool:
        """Whether somebody still has to finalize it."""
        return bool(items(obj, "spec", "finalizers"))

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By phase, too."""
        return {"status.phase": look(obj, "status", "phase", default="")}


def _keep(obj: Json, old: Json, field: str) -> None:
    if field in old:
        obj[field] = old[field]
    else:
        obj.pop(field, None)


RESOURCE = derive(
    core_v1.Namespace,
    short_names=("ns",),
    columns=(NAME, text("Status", "status", "phase", empty=""), AGE),
    strategy=NamespaceStrategy(),
)
