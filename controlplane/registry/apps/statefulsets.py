# SPDX-License-Identifier: Apache-2.0
"""StatefulSet."""

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar, Final

from lightkube.resources import apps_v1

from controlplane.registry.columns import AGE, NAME, computed, template_columns
from controlplane.registry.data import EACH, Defaults, Json, look
from controlplane.registry.derive import derive
from controlplane.registry.meta_checks import check_choice, check_count
from controlplane.registry.strategy import Problems
from controlplane.registry.workloads import WorkloadStrategy, check_share, check_strategy_type
from kube.names import DNS_LABEL
from kube.problem import forbidden

_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


class StatefulSetStrategy(WorkloadStrategy):
    """Pods with names and claims of their own; most of its spec stays."""

    # Pods are named after it, and a pod's name is its host name.
    name_rule = DNS_LABEL
    immutable = ()
    initial_status: ClassVar[Json | None] = {"replicas": 0}
    spec_defaults: ClassVar[Mapping[str, object] | None] = {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {},
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {},
    }
    defaults: ClassVar[Defaults] = {
        ("spec", "updateStrategy"): {"type": "RollingUpdate"},
        ("spec", "persistentVolumeClaimRetentionPolicy"): {"whenDeleted": "Retain", "whenScaled": "Retain"},
        ("spec", "volumeClaimTemplates", EACH): {"apiVersion": "v1", "kind": "PersistentVolumeClaim"},
        ("spec", "volumeClaimTemplates", EACH, "spec"): {"volumeMode": "Filesystem"},
    }

    def set_defaults(self, obj: Json) -> None:
        """A rolling update goes down to the first pod; claims begin as pending, as the API shows templates."""
        super().set_defaults(obj)
        strategy = obj["spec"]["updateStrategy"]
        if strategy["type"] == "RollingUpdate":
            strategy["rollingUpdate"] = {"partition": 0, **(strategy.get("rollingUpdate") or {})}
        for claim in obj["spec"].get("volumeClaimTemplates") or ():
            claim.setdefault("status", {"phase": "Pending"})

    def problems(self, obj: Json) -> Problems:
        """How it updates, and what becomes of claims."""
        yield from super().problems(obj)
        yield from check_choice(obj, ("spec", "podManagementPolicy"), ("OrderedReady", "Parallel"))
        yield from check_strategy_type(obj, "updateStrategy", ("OnDelete", "RollingUpdate"))
        rolling = ("spec", "updateStrategy", "rollingUpdate")
        yield from check_count(obj, *rolling, "partition")
        yield from check_share(look(obj, *rolling, "maxUnavailable"), (*rolling, "maxUnavailable"))
        for when in ("whenDeleted", "whenScaled"):
            path = ("spec", "persistentVolumeClaimRetentionPolicy", when)
            yield from check_choice(obj, path, ("Delete", "Retain"))
        yield from check_count(obj, "spec", "ordinals", "start")

    def changes(self, obj: Json, old: Json) -> Problems:
        """Names and claims cannot be changed under running pods."""
        copy = deepcopy(obj["spec"])
        for field in _MUTABLE:
            copy.pop(field, None)
            copy.update({field: old["spec"][field]} if field in old["spec"] else {})
        if copy != old["spec"]:
            listed = ", ".join(repr(field) for field in _MUTABLE[:-1]) + f" and {_MUTABLE[-1]!r}"
            yield forbidden(
                ("spec",), f"updates to statefulset spec for fields other than {listed} are forbidden"
            )


def _ready(obj: Json) -> str:
    return f"{look(obj, 'status', 'readyReplicas', default=0)}/{look(obj, 'spec', 'replicas', default=0)}"


RESOURCE = derive(
    apps_v1.StatefulSet,
    short_names=("sts",),
    categories=("all",),
    columns=(NAME, computed("Ready", _ready), AGE, *template_columns("spec", "template")),
    strategy=StatefulSetStrategy(),
)
