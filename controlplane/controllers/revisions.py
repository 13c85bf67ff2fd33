# SPDX-License-Identifier: Apache-2.0
"""Which ReplicaSet belongs to which version of a Deployment's template, and what is written on it; pure."""

import copy
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from controlplane.controllers import meta
from controlplane.controllers.rollout import Goal
from kube.kinds import DEPLOYMENTS

Json = dict[str, Any]

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
REVISION_HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MOST: Final = "deployment.kubernetes.io/max-replicas"

# What is not copied from the Deployment to its ReplicaSets: it says something about the one object only.
_OWN: Final = {
    REVISION, REVISION_HISTORY, DESIRED, MOST,
    "kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to",
}  # fmt: skip
# Digits and consonants that cannot be read as something else or make a word (k8s.io/apimachinery's safe alphabet).
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_HASH_LENGTH: Final = 10


def template_hash(template: Json, collisions: int = 0) -> str:
    """Ten letters that differ when the template differs; collisions makes others of the same template."""
    text = msgspec.json.encode([_essence(template), collisions], order="deterministic")
    number = int.from_bytes(hashlib.sha256(text).digest()[:8])
    letters = []
    for _ in range(_HASH_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def current_set(deployment: Json, sets: Iterable[Json]) -> Json | None:
    """The ReplicaSet of the Deployment's template as it is now; the oldest, if there are several."""
    wanted = _essence(deployment["spec"]["template"])
    found = [item for item in sets if _essence(item["spec"]["template"]) == wanted]
    return min(found, key=lambda item: str(item["metadata"]["creationTimestamp"]), default=None)


def new_set(deployment: Json, sets: Sequence[Json], replicas: int, goal: Goal) -> Json:
    """The ReplicaSet to make for the template as it is now."""
    collisions = deployment.get("status", {}).get("collisionCount", 0)
    template = copy.deepcopy(deployment["spec"]["template"])
    digest = template_hash(template, collisions)
    labels = {**(template.get("metadata", {}).get("labels") or {}), HASH_LABEL: digest}
    template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
    selector = copy.deepcopy(deployment["spec"]["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    spec: Json = {"replicas": replicas, "selector": selector, "template": template}
    if min_ready := deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = min_ready
    metadata = deployment["metadata"]
    return {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {
                **copied(deployment),
                REVISION: str(last_revision(sets) + 1),
                **scale_notes(goal),
            },
            "ownerReferences": [meta.controller_reference(deployment, DEPLOYMENTS)],
        },
        "spec": spec,
    }


def copied(deployment: Json) -> Json:
    """The Deployment's annotations that its current ReplicaSet shows as well (kubernetes.io/change-cause is one)."""
    annotations = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in _OWN}


def scale_notes(goal: Goal) -> Json:
    """What is remembered of the scale that a set was given, for sharing a later change fairly."""
    return {DESIRED: str(goal.replicas), MOST: str(goal.most)}


def revision_notes(current: Json, old: Iterable[Json]) -> Json:
    """The annotations that make the current set the newest revision; {} when it is.

    A set that becomes current again (a rollback) remembers the revisions it had.
    """
    newest, own = last_revision(old) + 1, revision(current)
    if own >= newest:
        return {}
    notes = {REVISION: str(newest)}
    if own:
        history = (current["metadata"].get("annotations") or {}).get(REVISION_HISTORY, "")
        notes[REVISION_HISTORY] = ",".join(part for part in (history, str(own)) if part)
    return notes


def revision(obj: Json) -> int:
    """The revision written on a ReplicaSet or Deployment; 0 when there is none."""
    return _number(obj, REVISION)


def noted_desired(replicaset: Json) -> int:
    """The Deployment's replicas when this set was last scaled; 0 when nobody wrote it down."""
    return _number(replicaset, DESIRED)


def noted_most(replicaset: Json) -> int:
    """The most pods that were allowed when this set was last scaled; 0 when nobody wrote it down."""
    return _number(replicaset, MOST)


def last_revision(sets: Iterable[Json]) -> int:
    """The highest revision among these."""
    return max(map(revision, sets), default=0)


def superfluous(deployment: Json, old: Iterable[Json]) -> list[Json]:
    """The oldest empty sets past the history limit."""
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [item for item in old if _is_empty(item)]
    empty.sort(key=lambda item: (revision(item), str(item["metadata"]["creationTimestamp"])))
    return empty[: max(0, len(empty) - limit)]


def _is_empty(replicaset: Json) -> bool:
    status = replicaset.get("status", {})
    seen = status.get("observedGeneration", 0) >= replicaset["metadata"].get("generation", 0)
    pods = replicaset["spec"].get("replicas", 1) or status.get("replicas", 0)
    return seen and not pods and not meta.is_going(replicaset)


def _essence(template: Json) -> Json:
    """What makes two templates the same: everything but the label that we add, and empty fields."""
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    found = {"labels": labels, "annotations": metadata.get("annotations"), "spec": template.get("spec")}
    return {key: value for key, value in found.items() if value}


def _number(obj: Json, annotation: str) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(annotation, "")
    return int(text) if text.isdecimal() else 0
