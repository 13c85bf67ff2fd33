# SPDX-License-Identifier: Apache-2.0
"""The history of a DaemonSet's templates as ControllerRevisions, which kubectl rollout history and undo read; pure."""

import copy
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from controlplane.controllers import meta
from controlplane.controllers.daemonplaces import HASH_LABEL
from controlplane.controllers.operations import Create, Delete, Operation, Patch
from controlplane.controllers.revisions import template_hash
from kube.kinds import CONTROLLER_REVISIONS, DAEMON_SETS

Json = dict[str, Any]

_NOT_COPIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def patch_of(owner: Json) -> Json:
    """What a revision holds: the strategic merge patch that brings the owner back to this template."""
    return {"spec": {"template": {**copy.deepcopy(owner["spec"]["template"]), "$patch": "replace"}}}


def current(owner: Json, revisions: Iterable[Json]) -> Json | None:
    """The revision of the template as it is now; the newest, if there are several."""
    wanted = patch_of(owner)
    return max((item for item in revisions if item.get("data") == wanted), key=number, default=None)


def hash_of(revision: Json) -> str:
    """What the pods of this revision have as label controller-revision-hash."""
    return str((revision["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def number(revision: Json) -> int:
    """Its place in history, from 1."""
    return int(revision.get("revision", 0))


def advance(owner: Json, revisions: Sequence[Json]) -> Operation | None:
    """Make the revision of the current template, or the newest one of it after a rollback; None when it is."""
    now, newest = current(owner, revisions), max(map(number, revisions), default=0)
    if now is None:
        return Create(CONTROLLER_REVISIONS, _new(owner, newest + 1))
    if number(now) == newest:
        return None
    metadata = now["metadata"]
    change = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "revision": newest + 1}
    return Patch(CONTROLLER_REVISIONS, metadata["name"], metadata["namespace"], change)


def superfluous(owner: Json, revisions: Sequence[Json], in_use: Collection[str]) -> list[Operation]:
    """The oldest ones past spec.revisionHistoryLimit that neither the template nor a pod is of."""
    now = current(owner, revisions)
    spare = [item for item in revisions if item is not now and hash_of(item) not in in_use]
    excess = max(0, len(spare) - owner["spec"].get("revisionHistoryLimit", 10))
    return [Delete(CONTROLLER_REVISIONS, item) for item in sorted(spare, key=number)[:excess]]


def _new(owner: Json, revision: int) -> Json:
    template, metadata = owner["spec"]["template"], owner["metadata"]
    digest = template_hash(template, (owner.get("status") or {}).get("collisionCount", 0))
    labels = (template.get("metadata") or {}).get("labels") or {}
    annotations = metadata.get("annotations") or {}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": {**labels, HASH_LABEL: digest},
            # kubernetes.io/change-cause among them.
            "annotations": {key: text for key, text in annotations.items() if key != _NOT_COPIED},
            "ownerReferences": [meta.controller_reference(owner, DAEMON_SETS)],
        },
        "data": patch_of(owner),
        "revision": revision,
    }
