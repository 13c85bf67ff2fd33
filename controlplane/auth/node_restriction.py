# SPDX-License-Identifier: Apache-2.0
"""NodeRestriction: what a node may write, where the authorizer sees names only.

A node writes its own Node (but not its labels that schedule protected work, nor new taints), Lease and CSINode, and of
its own pods the status; it makes mirror pods, evicts and deletes pods bound to it, and asks for tokens of them alone.
"""

from typing import Any, Final

from controlplane.auth.names import node_of
from controlplane.auth.node import LEASE_NAMESPACE
from controlplane.auth.references import references_of
from controlplane.errors import ApiError, forbidden
from controlplane.request import Admission, Operation, Reader

Json = dict[str, Any]
MIRROR: Final = "kubernetes.io/config.mirror"
_RESTRICTED_PREFIX: Final = "node-restriction.kubernetes.io"
# Labels under kubernetes.io and k8s.io that a node may set itself, besides those of kubelet. and node. prefixes.
_OWN_LABELS: Final = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
    }
)
_OWN_LABEL_PREFIXES: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")


class NodeRestriction:
    """The admission plugin; others than nodes pass."""

    name = "NodeRestriction"

    def __init__(self, reader: Reader) -> None:
        """The reader finds the pods that evictions and tokens are about."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Nothing is changed."""

    async def validate(self, admission: Admission) -> None:
        """Raise the 403 for what a node may not write."""
        node = node_of(admission.attributes.user)
        if node is None:
            return
        if not node:
            raise _no(admission, f"could not determine node from user {admission.attributes.user.name!r}")
        asked = admission.attributes
        match (asked.group, asked.resource, asked.subresource):
            case ("", "pods", "eviction"):
                await self._eviction(admission, node)
            case ("", "pods", "") if admission.operation is Operation.DELETE:
                await self._deletion(admission, node)
            case ("", "pods", _):
                _pods(admission, node)
            case ("", "nodes", _):
                _nodes(admission, node)
            case ("", "serviceaccounts", "token"):
                await self._token(admission, node)
            case ("coordination.k8s.io", "leases", _):
                _named(admission, node, LEASE_NAMESPACE)
            case ("storage.k8s.io", "csinodes", _):
                _named(admission, node, "")

    async def _eviction(self, admission: Admission, node: str) -> None:
        asked = admission.attributes
        name = asked.name or (admission.object or {}).get("metadata", {}).get("name", "")
        pod = await self._reader.get("", "pods", asked.namespace, name)
        if pod is not None and _node(pod) != node:
            raise _no(admission, f"node {node!r} can only evict pods with spec.nodeName set to itself")

    async def _deletion(self, admission: Admission, node: str) -> None:
        asked = admission.attributes
        pod = admission.old or await self._reader.get("", "pods", asked.namespace, asked.name)
        if pod is not None and _node(pod) != node:
            raise _no(admission, f"node {node!r} can only delete pods with spec.nodeName set to itself")

    async def _token(self, admission: Admission, node: str) -> None:
        asked = admission.attributes
        reference = ((admission.object or {}).get("spec") or {}).get("boundObjectRef") or {}
        if reference.get("kind") != "Pod" or reference.get("apiVersion") != "v1" or not reference.get("uid"):
            raise _no(admission, f"node {node!r} may only request tokens bound to a pod by name and uid")
        pod = await self._reader.get("", "pods", asked.namespace, reference.get("name", ""))
        if pod is None or pod["metadata"]["uid"] != reference["uid"] or _node(pod) != node:
            raise _no(admission, f"node {node!r} requested token bound to a pod that is not on it")


def _pods(admission: Admission, node: str) -> None:
    subresource = admission.attributes.subresource
    if admission.operation is Operation.CREATE and not subresource:
        _mirror(admission, node)
    elif admission.operation is Operation.UPDATE and subresource == "status":
        _pod_status(admission, node)
    else:
        raise _no(admission, f"unexpected operation {admission.operation} on pods/{subresource} by a node")


def _mirror(admission: Admission, node: str) -> None:
    pod = admission.object or {}
    metadata, spec = pod.get("metadata", {}), pod.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    if MIRROR not in annotations:
        raise _no(
            admission, f"pod does not have {MIRROR!r} annotation, node {node!r} can only create mirror pods"
        )
    if spec.get("nodeName") != node:
        raise _no(admission, f"node {node!r} can only create pods with spec.nodeName set to itself")
    owners = metadata.get("ownerReferences") or []
    if [owner for owner in owners if (owner.get("kind"), owner.get("name")) != ("Node", node)]:
        raise _no(admission, f"node {node!r} can only create pods that it owns itself or nobody does")
    plain = {"metadata": {"name": "x", "namespace": "x"}, "spec": {**spec, "serviceAccountName": ""}}
    if spec.get("serviceAccountName") or references_of(plain):
        raise _no(admission, "a mirror pod can not refer to service accounts, Secrets, ConfigMaps or claims")


def _pod_status(admission: Admission, node: str) -> None:
    old, new = admission.old or {}, admission.object or {}
    if _node(old) != node:
        raise _no(
            admission, f"node {node!r} can only update pod status for pods with spec.nodeName set to itself"
        )
    if _labels(old) != _labels(new):
        raise _no(admission, f"node {node!r} cannot update labels through pod status")


def _nodes(admission: Admission, node: str) -> None:
    asked = admission.attributes
    new, old = admission.object or {}, admission.old or {}
    name = asked.name or new.get("metadata", {}).get("name", "")
    if name != node:
        raise _no(admission, f"node {node!r} is not allowed to modify node {name!r}")
    if admission.operation is Operation.DELETE:
        return
    if changed := _protected(_labels(old), _labels(new)):
        raise _no(admission, f"is not allowed to modify labels: {', '.join(changed)}")
    if old and not asked.subresource:
        _node_update(admission, node, old, new)


def _node_update(admission: Admission, node: str, old: Json, new: Json) -> None:
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if before.get("taints") != after.get("taints"):
        raise _no(admission, f"node {node!r} is not allowed to modify taints")
    if before.get("configSource") != after.get("configSource"):
        raise _no(admission, f"node {node!r} is not allowed to update configSource")
    if old["metadata"].get("ownerReferences") != new.get("metadata", {}).get("ownerReferences"):
        raise _no(admission, f"node {node!r} is not allowed to modify ownerReferences")


def _protected(before: Json, after: Json) -> list[str]:
    """Labels that changed and may not."""
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return sorted(key for key in changed if not _may_set(key))


def _may_set(label: str) -> bool:
    domain = label.rpartition("/")[0]
    if _within(domain, _RESTRICTED_PREFIX):
        return False
    if label in _OWN_LABELS or any(_within(domain, prefix) for prefix in _OWN_LABEL_PREFIXES):
        return True
    return not (_within(domain, "kubernetes.io") or _within(domain, "k8s.io"))


def _within(domain: str, parent: str) -> bool:
    return domain == parent or domain.endswith(f".{parent}")


def _named(admission: Admission, node: str, namespace: str) -> None:
    asked = admission.attributes
    name = asked.name or (admission.object or {}).get("metadata", {}).get("name", "")
    if name != node or asked.namespace != namespace:
        raise _no(admission, f"can only access {asked.resource} with the same name as the requesting node")


def _node(pod: Json) -> str:
    return str((pod.get("spec") or {}).get("nodeName", ""))


def _labels(obj: Json) -> Json:
    return obj.get("metadata", {}).get("labels") or {}


def _no(admission: Admission, why: str) -> ApiError:
    asked = admission.attributes
    name = asked.name or (admission.object or {}).get("metadata", {}).get("name", "")
    return forbidden(asked.group, asked.resource, name, why)
