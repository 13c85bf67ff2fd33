# SPDX-License-Identifier: Apache-2.0
"""Endpoints: the older form of EndpointSlices, one object a Service, for the clients that still read it."""

from collections.abc import Iterable
from typing import Any, Final

from controlplane.controllers import backends, meta
from controlplane.controllers.backends import Backend, Port
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Create, Delete, Operation, Update
from kube.kinds import ENDPOINTS, PODS, SERVICES

Json = dict[str, Any]

MOST: Final = 1000
_MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
_MANAGER: Final = "endpoint-controller"
# Tells that not all addresses are shown (Kubernetes cuts at a thousand as well).
_OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"


def plan(service: Json, pods: Iterable[Json], current: Json | None) -> list[Operation]:
    """Create or update the Service's Endpoints, in its first IP family; [] when it says what the pods are."""
    if not backends.has_backends(service) or meta.is_going(service):
        return []
    found = [
        backend
        for backend in backends.backends(service, pods, backends.families(service)[0])
        # One that goes away is no address here: the object has no word for it.
        if (not backend.terminating or backend.ready)
        # A pod that has none of the Service's named ports cannot be reached by it.
        and (backend.ports or not service["spec"].get("ports"))
    ]
    fresh = _endpoints(service, found[:MOST], truncated=len(found) > MOST)
    if current is None:
        return [Create(ENDPOINTS, fresh)]
    annotations = {
        key: value
        for key, value in (current["metadata"].get("annotations") or {}).items()
        if key != _OVER_CAPACITY
    } | fresh["metadata"].get("annotations", {})
    metadata = {**current["metadata"], "labels": fresh["metadata"]["labels"], "annotations": annotations}
    same = (current["metadata"].get("annotations") or {}) == annotations
    same = same and (current["metadata"].get("labels") or {}) == metadata["labels"]
    if same and (current.get("subsets") or []) == fresh["subsets"]:
        return []
    return [Update(ENDPOINTS, {**fresh, "metadata": metadata})]


def _endpoints(service: Json, found: Iterable[Backend], *, truncated: bool) -> Json:
    metadata = service["metadata"]
    made: Json = {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "labels": {**backends.copied_labels(service), _MANAGED_BY: _MANAGER},
    }
    if truncated:
        made["annotations"] = {_OVER_CAPACITY: "truncated"}
    groups: dict[tuple[Port, ...], list[Backend]] = {}
    for backend in found:
        groups.setdefault(backend.ports, []).append(backend)
    return {"metadata": made, "subsets": [_subset(ports, group) for ports, group in sorted(groups.items())]}


def _subset(ports: tuple[Port, ...], group: list[Backend]) -> Json:
    ready = [_address(backend) for backend in group if backend.ready]
    others = [_address(backend) for backend in group if not backend.ready]
    found = {
        "addresses": sorted(ready, key=lambda item: str(item["ip"])),
        "notReadyAddresses": sorted(others, key=lambda item: str(item["ip"])),
        # A Service with one port has no name for it.
        "ports": [{key: value for key, value in port.to_data().items() if value} for port in ports],
    }
    return {key: value for key, value in found.items() if value}


def _address(backend: Backend) -> Json:
    found: Json = {"ip": backend.address, "targetRef": backend.target()}
    if backend.node:
        found["nodeName"] = backend.node
    if backend.hostname:
        found["hostname"] = backend.hostname
    return found


class Endpoints(Controller):
    """Reconciles the Endpoints of Services by (namespace, name)."""

    name = "endpoints-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._services = self.follow(SERVICES)
        self._services.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._endpoints = self.follow(ENDPOINTS)
        self._pods = self.follow(PODS, self._keys_of_pod, worth=backends.worth)
        self._pods.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])

    async def reconcile(self, key: Key) -> None:
        """Bring the Service's Endpoints to what its pods are."""
        namespace, name = key
        service, current = self._services.get(name, namespace), self._endpoints.get(name, namespace)
        if service is not None:
            pods = self._pods.by_index("namespace", namespace)
            await self.executor.run(plan(service, pods, current))
        elif current is not None and _is_ours(current):
            await self.executor.run([Delete(ENDPOINTS, current)])

    def _keys_of_pod(self, pod: Json) -> Iterable[Key]:
        services = self._services.by_index("namespace", pod["metadata"]["namespace"])
        return backends.keys_by_selector(services, pod)


def _is_ours(endpoints: Json) -> bool:
    return (endpoints["metadata"].get("labels") or {}).get(_MANAGED_BY) == _MANAGER
