# SPDX-License-Identifier: Apache-2.0
"""DefaultTolerationSeconds: a pod stays five minutes on a node that went away, unless it says otherwise."""

from typing import Final

from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.registry.data import Json, items, member
from controlplane.request import Admission, Operation

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
SECONDS: Final = 300
_EFFECT: Final = "NoExecute"


class DefaultTolerationSeconds(AdmissionPlugin):
    """Adds a toleration of SECONDS for each of the two taints that a pod does not tolerate by itself."""

    name = "DefaultTolerationSeconds"

    async def mutate(self, admission: Admission) -> None:
        """Complete spec.tolerations of a pod."""
        pod = admission.object
        if pod is None or not is_about(admission, "", "pods", Operation.CREATE, Operation.UPDATE):
            return
        spec = member(pod, "spec")
        tolerations = items(spec, "tolerations")
        added = [_toleration(key) for key in (NOT_READY, UNREACHABLE) if not _tolerates(tolerations, key)]
        if added:
            spec["tolerations"] = [*tolerations, *added]


def _tolerates(tolerations: list[Json], key: str) -> bool:
    """An empty key stands for all taints, an empty effect for all effects."""
    return any(
        (one.get("key") or key) == key and (one.get("effect") or _EFFECT) == _EFFECT for one in tolerations
    )


def _toleration(key: str) -> Json:
    return {"key": key, "operator": "Exists", "effect": _EFFECT, "tolerationSeconds": SECONDS}
