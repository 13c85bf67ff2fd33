# SPDX-License-Identifier: Apache-2.0
"""EndpointSlices: for each Service, IP family and set of ports, the addresses of its pods, at most 100 a slice."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from controlplane.controllers import backends, meta
from controlplane.controllers.backends import Backend, Port, Zones
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Create, Delete, Operation, Update
from kube.kinds import ENDPOINT_SLICES, NODES, PODS, SERVICES

Json = dict[str, Any]
# A group of slices: IP family and ports.
Group = tuple[str, tuple[Port, ...]]

MOST: Final = 100
SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"


def plan(service: Json, pods: Iterable[Json], slices: Iterable[Json], zones: Zones) -> list[Operation]:
    """What to create, update and delete so that the Service's slices say what its pods are.

    slices are those that this controller made for the Service. An endpoint stays in its slice; new ones fill slices
    that have room, so that few of them change. A family without any endpoint keeps one empty slice.
    """
    if not backends.has_backends(service) or meta.is_going(service):
        return []
    candidates = list(pods)
    wanted: dict[Group, dict[str, Json]] = {}
    for family in backends.families(service):
        for backend in backends.backends(service, candidates, family):
            wanted.setdefault((family, backend.ports), {})[backend.address] = _endpoint(backend, zones)
        if not any(group[0] == family for group in wanted):
            wanted[family, ()] = {}
    present: dict[Group, list[Json]] = {}
    for item in slices:
        present.setdefault(_group_of(item), []).append(item)
    unwanted = [
        Delete(ENDPOINT_SLICES, item) for group in present.keys() - wanted.keys() for item in present[group]
    ]
    steps = (
        _plan_group(service, group, endpoints, present.get(group, [])) for group, endpoints in wanted.items()
    )
    return [*(operation for step in steps for operation in step), *unwanted]


def _plan_group(
    service: Json, group: Group, wanted: dict[str, Json], present: Sequence[Json]
) -> Iterable[Operation]:
    missing = dict(wanted)
    contents = []
    for item in sorted(present, key=lambda item: -len(item.get("endpoints") or ())):
        kept = []
        for endpoint in item.get("endpoints") or ():
            current = missing.pop(endpoint["addresses"][0], None)
            if current is not None:
                kept.append(current)
        contents.append((item, kept))
    rest = list(missing.values())
    # Slices that change anyway take the new ones first.
    for item, kept in sorted(contents, key=lambda pair: pair[1] == (pair[0].get("endpoints") or [])):
        room = MOST - len(kept)
        kept += rest[:room]
        rest = rest[room:]
        yield from _settle(service, group, item, kept, last=not wanted and item is contents[0][0])
    while rest or not (wanted or present):
        yield Create(ENDPOINT_SLICES, _new_slice(service, group, rest[:MOST]))
        rest = rest[MOST:]
        if not wanted:
            return


def _settle(
    service: Json, group: Group, item: Json, endpoints: list[Json], *, last: bool
) -> Iterable[Operation]:
    """Update a slice where it differs; an empty one goes, unless it is the last of a family without endpoints."""
    if not endpoints and not last:
        yield Delete(ENDPOINT_SLICES, item)
        return
    fresh = _new_slice(service, group, endpoints)
    same_labels = item["metadata"].get("labels") == fresh["metadata"]["labels"]
    if not same_labels or (item.get("endpoints") or []) != endpoints:
        metadata = {**item["metadata"], "labels": fresh["metadata"]["labels"]}
        yield Update(ENDPOINT_SLICES, {**fresh, "metadata": metadata})


def _new_slice(service: Json, group: Group, endpoints: list[Json]) -> Json:
    family, ports = group
    metadata = service["metadata"]
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": {
                **backends.copied_labels(service),
                SERVICE_NAME: metadata["name"],
                MANAGED_BY: MANAGER,
            },
            "ownerReferences": [meta.controller_reference(service, SERVICES)],
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": [port.to_data() for port in ports],
    }


def _endpoint(backend: Backend, zones: Zones) -> Json:
    found: Json = {
        "addresses": [backend.address],
        "conditions": {
            "ready": backend.ready,
            "serving": backend.serving,
            "terminating": backend.terminating,
        },
        "targetRef": backend.target(),
    }
    if backend.node:
        found["nodeName"] = backend.node
        if zone := zones(backend.node):
            found["zone"] = zone
    if backend.hostname:
        found["hostname"] = backend.hostname
    return found


def _group_of(item: Json) -> Group:
    ports = (
        Port(
            port.get("name", ""),
            port.get("protocol", "TCP"),
            port.get("port", 0),
            port.get("appProtocol", ""),
        )
        for port in item.get("ports") or ()
    )
    return item["addressType"], tuple(ports)


class EndpointSlices(Controller):
    """Reconciles the slices of Services by (namespace, name)."""

    name = "endpointslice-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._services = self.follow(SERVICES)
        self._services.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        self._slices = self.follow(ENDPOINT_SLICES, _keys_of_slice)
        self._slices.add_index("service", lambda obj: map("/".join, _keys_of_slice(obj)))
        self._pods = self.follow(PODS, self._keys_of_pod, worth=backends.worth)
        self._pods.add_index("namespace", lambda obj: [obj["metadata"]["namespace"]])
        # A node's zone may be known later than its pods' addresses.
        self._nodes = self.follow(NODES, self._keys_of_node, worth=lambda old, new: _zone(old) != _zone(new))

    async def reconcile(self, key: Key) -> None:
        """Bring the Service's slices to what its pods are."""
        namespace, name = key
        service = self._services.get(name, namespace)
        slices = self._slices.by_index("service", "/".join(key))
        if service is None:
            # Those of a Service that is gone are the garbage collector's; it may be slow, a proxy must not be misled.
            await self.executor.run([Delete(ENDPOINT_SLICES, item) for item in slices])
            return
        pods = self._pods.by_index("namespace", namespace)
        await self.executor.run(plan(service, pods, slices, self._zone_of))

    def _zone_of(self, node: str) -> str:
        found = self._nodes.get(node)
        return _zone(found) if found else ""

    def _keys_of_pod(self, pod: Json) -> Iterable[Key]:
        services = self._services.by_index("namespace", pod["metadata"]["namespace"])
        return backends.keys_by_selector(services, pod)

    def _keys_of_node(self, node: Json) -> Iterable[Key]:
        if not _zone(node):
            return []
        return [(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in self._services.all()]


def _keys_of_slice(item: Json) -> list[Key]:
    labels = item["metadata"].get("labels") or {}
    if labels.get(MANAGED_BY) != MANAGER or SERVICE_NAME not in labels:
        return []
    return [(item["metadata"]["namespace"], labels[SERVICE_NAME])]


def _zone(node: Json) -> str:
    zone: str = (node["metadata"].get("labels") or {}).get(backends.ZONE, "")
    return zone
