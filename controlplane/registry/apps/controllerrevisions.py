# SPDX-License-Identifier: Apache-2.0
"""ControllerRevision: a past state of a StatefulSet or DaemonSet, which does not change."""

from lightkube.resources import apps_v1

from controlplane.registry.columns import AGE, NAME, computed, number
from controlplane.registry.data import Json, items
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE
from controlplane.registry.meta_checks import check_count
from controlplane.registry.strategy import KindStrategy, Problems


class ControllerRevisionStrategy(KindStrategy):
    """Only its number may change."""

    immutable = (("data",),)

    def problems(self, obj: Json) -> Problems:
        """A number that is not negative."""
        return check_count(obj, "revision")


def _controller(obj: Json) -> str:
    """The owner that controls it: "statefulset.apps/web"."""
    owner = next((o for o in items(obj, "metadata", "ownerReferences") if o.get("controller")), None)
    if owner is None:
        return NONE
    group = owner.get("apiVersion", "").rpartition("/")[0]
    kind = f"{owner.get('kind', '')}.{group}" if group else owner.get("kind", "")
    return f"{kind.lower()}/{owner.get('name', '')}"


RESOURCE = derive(
    apps_v1.ControllerRevision,
    columns=(NAME, computed("Controller", _controller), number("Revision", "revision"), AGE),
    strategy=ControllerRevisionStrategy(),
)
