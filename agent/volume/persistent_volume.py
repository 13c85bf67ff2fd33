# SPDX-License-Identifier: Apache-2.0
"""From a claim to the volume that it is bound to, and whether that volume may be used on this node."""

from dataclasses import dataclass

from lightkube.models import core_v1

from agent.objects.model import CLAIM, VOLUME, ObjectError, Objects, Ref
from agent.pod.facts import PodFacts
from agent.volume.errors import VolumeError
from kube.errors import SelectorError
from kube.node_selector import matches


@dataclass(frozen=True, slots=True)
class BoundVolume:
    """A PersistentVolume by name, and what of its spec a node needs."""

    name: str
    spec: core_v1.PersistentVolumeSpec


def bound_volume(objects: Objects, namespace: str, claim_name: str, facts: PodFacts) -> BoundVolume:
    """The volume of a claim. Raises VolumeError saying which of the two is missing, unbound, or for other nodes."""
    about = f"error processing PVC {namespace}/{claim_name}"
    try:
        claim = _claim(objects, Ref(CLAIM, namespace, claim_name))
        uid = _check_claim(claim, about)
        name = (claim.spec and claim.spec.volumeName) or ""
        volume = _volume(objects, Ref(VOLUME, "", name))
    except ObjectError as error:
        raise VolumeError(f"{about}: {error}") from error
    if volume.spec is None:
        raise VolumeError(f"{about}: PV {name} has no spec")
    _check_binding(volume.spec, name, uid, about)
    _check_node(volume.spec, name, facts, about)
    return BoundVolume(name, volume.spec)


def claim_of(volume: core_v1.Volume) -> str:
    """The claim that a volume of a pod names; "" when it is of another kind."""
    return volume.persistentVolumeClaim.claimName if volume.persistentVolumeClaim else ""


def _claim(objects: Objects, ref: Ref) -> core_v1.PersistentVolumeClaim:
    found = objects.get(ref)
    if not isinstance(found, core_v1.PersistentVolumeClaim):
        raise ObjectError(ref, f"{ref} is a {type(found).__name__}")
    return found


def _volume(objects: Objects, ref: Ref) -> core_v1.PersistentVolume:
    found = objects.get(ref)
    if not isinstance(found, core_v1.PersistentVolume):
        raise ObjectError(ref, f"{ref} is a {type(found).__name__}")
    return found


def _check_claim(claim: core_v1.PersistentVolumeClaim, about: str) -> str:
    metadata = claim.metadata
    if metadata and metadata.deletionTimestamp:
        raise VolumeError(f"{about}: PVC is being deleted")
    phase = claim.status.phase if claim.status else None
    if phase != "Bound" or not (claim.spec and claim.spec.volumeName):
        raise VolumeError(f"{about}: PVC is not bound")
    return (metadata and metadata.uid) or ""


def _check_binding(spec: core_v1.PersistentVolumeSpec, name: str, uid: str, about: str) -> None:
    bound_to = spec.claimRef.uid if spec.claimRef else None
    if bound_to != uid:
        raise VolumeError(f"{about}: PV {name} is bound to another claim, of uid {bound_to or '(none)'}")


def _check_node(spec: core_v1.PersistentVolumeSpec, name: str, facts: PodFacts, about: str) -> None:
    affinity = spec.nodeAffinity.required if spec.nodeAffinity else None
    if affinity is None:
        return
    try:
        fits = matches(affinity, facts.node_labels, facts.node_name)
    except SelectorError as error:
        raise VolumeError(f"{about}: PV {name}: {error}") from error
    if not fits:
        raise VolumeError(
            f"{about}: PV {name} cannot be used on node {facts.node_name}: no matching NodeSelectorTerms"
        )
