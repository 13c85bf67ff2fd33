# SPDX-License-Identifier: Apache-2.0
"""Node."""

from collections.abc import Mapping
from typing import ClassVar, Final

from lightkube.resources import core_v1

from controlplane.registry.columns import AGE, NAME, WIDE, computed, text
from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE, UNKNOWN, joined
from controlplane.registry.meta_checks import check_network
from controlplane.registry.resource import Subresource
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import LABEL_KEY, LABEL_VALUE
from kube.problem import duplicate, forbidden, invalid, unsupported

TAINT_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ROLE_PREFIX: Final = "node-role.kubernetes.io/"
_ROLE_LABEL: Final = "kubernetes.io/role"


class NodeStrategy(KindStrategy):
    """A node registers itself with its status; its addresses for pods are given once."""

    spec_defaults: ClassVar[Mapping[str, object] | None] = {}

    def set_defaults(self, obj: Json) -> None:
        """What a node can hold, it can give, unless it says otherwise."""
        super().set_defaults(obj)
        capacity = mapping(obj, "status", "capacity")
        if capacity and not mapping(obj, "status", "allocatable"):
            obj["status"]["allocatable"] = dict(capacity)

    def prepare_create(self, obj: Json) -> None:
        """Nothing is taken away: kubelets create their Node together with its status."""

    def problems(self, obj: Json) -> Problems:
        """Taints and pod networks."""
        seen: set[tuple[str, str]] = set()
        for index, taint in enumerate(items(obj, "spec", "taints")):
            yield from _taint(taint, ("spec", "taints", index), seen)
        for index, cidr in enumerate(items(obj, "spec", "podCIDRs")):
            yield from check_network(cidr, ("spec", "podCIDRs", index))
        cidrs = items(obj, "spec", "podCIDRs")
        if cidrs and look(obj, "spec", "podCIDR") not in (None, cidrs[0]):
            yield invalid(("spec", "podCIDR"), obj["spec"]["podCIDR"], "the first of podCIDRs")

    def changes(self, obj: Json, old: Json) -> Problems:
        """Once given, a pod network and the provider's name stay."""
        for field in ("podCIDR", "podCIDRs", "providerID"):
            was = look(old, "spec", field)
            if was and look(obj, "spec", field) != was:
                yield forbidden(("spec", field), "may not change once it is set")

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By whether pods may be scheduled here."""
        return {"spec.unschedulable": "true" if look(obj, "spec", "unschedulable") else "false"}


def _taint(taint: Json, path: tuple[str | int, ...], seen: set[tuple[str, str]]) -> Problems:
    key, effect = taint.get("key", ""), taint.get("effect", "")
    yield from LABEL_KEY.check((*path, "key"), key)
    value = taint.get("value") or ""
    if not LABEL_VALUE.fits(value):
        yield invalid((*path, "value"), value, LABEL_VALUE.accepted)
    if effect not in TAINT_EFFECTS:
        yield unsupported((*path, "effect"), effect, TAINT_EFFECTS)
    if (key, effect) in seen:
        yield duplicate(path, f"{key}:{effect}", "one taint for each key and effect")
    seen.add((key, effect))


def _status(node: Json) -> str:
    ready = next((c for c in items(node, "status", "conditions") if c.get("type") == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"]
    return joined([*words, *(["SchedulingDisabled"] if look(node, "spec", "unschedulable") else [])])


def _roles(node: Json) -> str:
    labels = mapping(node, "metadata", "labels")
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    return joined(sorted({*roles, labels.get(_ROLE_LABEL, "")} - {""}))


def _address(node: Json, kind: str) -> str:
    addresses = items(node, "status", "addresses")
    return next((a.get("address", "") for a in addresses if a.get("type") == kind), NONE)


RESOURCE = derive(
    core_v1.Node,
    short_names=("no",),
    subresources=(
        Subresource("proxy", ("create", "delete", "get", "patch", "update"), "NodeProxyOptions", "", "v1"),
    ),
    columns=(
        NAME,
        computed("Status", _status),
        computed("Roles", _roles),
        AGE,
        text("Version", "status", "nodeInfo", "kubeletVersion", empty=""),
        computed("Internal-IP", lambda node: _address(node, "InternalIP"), priority=WIDE),
        computed("External-IP", lambda node: _address(node, "ExternalIP"), priority=WIDE),
        text("OS-Image", "status", "nodeInfo", "osImage", empty=UNKNOWN, priority=WIDE),
        text("Kernel-Version", "status", "nodeInfo", "kernelVersion", empty=UNKNOWN, priority=WIDE),
        text(
            "Container-Runtime", "status", "nodeInfo", "containerRuntimeVersion", empty=UNKNOWN, priority=WIDE
        ),
    ),
    strategy=NodeStrategy(),
)
