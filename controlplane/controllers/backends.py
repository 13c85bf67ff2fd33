# SPDX-License-Identifier: Apache-2.0
"""Which pods stand behind a Service, at which addresses and ports; pure, for Endpoints and EndpointSlices alike."""

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from controlplane.controllers import pods
from controlplane.controllers.meta import is_going

Json = dict[str, Any]
# A node's zone, "" when it has none.
Zones = Callable[[str], str]

IPV4: Final = "IPv4"
IPV6: Final = "IPv6"
HEADLESS: Final = "service.kubernetes.io/headless"
ZONE: Final = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """One port as endpoints have it: the Service's port name and protocol, and the number on the pods."""

    name: str
    protocol: str
    number: int
    application: str = ""

    def to_data(self) -> Json:
        """As in EndpointSlice.ports and EndpointSubset.ports."""
        found = {"name": self.name, "protocol": self.protocol, "port": self.number}
        return {**found, "appProtocol": self.application} if self.application else found


@dataclass(frozen=True, slots=True)
class Backend:
    """One pod at one address. serving is whether it is ready by its own word, terminating or not."""

    address: str
    pod: Json
    ports: tuple[Port, ...]
    ready: bool
    serving: bool
    terminating: bool
    hostname: str = ""

    @property
    def node(self) -> str:
        """Where it runs."""
        name: str = self.pod["spec"].get("nodeName", "")
        return name

    def target(self) -> Json:
        """The reference to the pod."""
        metadata = self.pod["metadata"]
        return {
            "kind": "Pod",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        }


def has_backends(service: Json) -> bool:
    """Whether endpoints are made for it: it selects pods and is not a mere name for something outside."""
    return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"


def families(service: Json) -> list[str]:
    """The IP families that the Service serves."""
    spec = service["spec"]
    if spec.get("ipFamilies"):
        return list(spec["ipFamilies"])
    return [IPV6 if ":" in spec.get("clusterIP", "") else IPV4]


def family_of(address: str) -> str:
    """IPv4 or IPv6."""
    return IPV6 if ipaddress.ip_address(address).version == 6 else IPV4


def backends(service: Json, candidates: Iterable[Json], family: str) -> list[Backend]:
    """The Service's pods that have an address of the family and are not finished, by name."""
    found = [
        _backend(service, pod, address)
        for pod in candidates
        if _selects(service, pod) and not pods.is_finished(pod) and (address := _address(pod, family))
    ]
    return sorted(found, key=lambda backend: str(backend.pod["metadata"]["name"]))


def is_headless(service: Json) -> bool:
    """Whether the Service has no virtual IP."""
    return bool(service["spec"].get("clusterIP") == "None")


def copied_labels(service: Json) -> Json:
    """The Service's labels, as its endpoints show them."""
    labels = {
        key: value for key, value in (service["metadata"].get("labels") or {}).items() if key != HEADLESS
    }
    return {**labels, HEADLESS: ""} if is_headless(service) else labels


def keys_by_selector(services: Iterable[Json], pod: Json) -> list[tuple[str, str]]:
    """The Services (of the pod's namespace) that select the pod."""
    namespace = pod["metadata"]["namespace"]
    return [
        (namespace, service["metadata"]["name"])
        for service in services
        if has_backends(service) and _selects(service, pod)
    ]


def _selects(service: Json, pod: Json) -> bool:
    """As kube.selector would say; thousands of pods are asked for each Service, and this is ten times as fast."""
    labels: Json = pod["metadata"].get("labels") or {}
    selector: Json = service["spec"]["selector"]
    return selector.items() <= labels.items()


def worth(old: Json, new: Json) -> bool:
    """Whether a change of a pod may change endpoints: most of what a kubelet reports does not."""
    return _essence(old) != _essence(new)


def _essence(pod: Json) -> tuple[Any, ...]:
    spec, status, metadata = pod["spec"], pod.get("status", {}), pod["metadata"]
    return (
        metadata["uid"], metadata.get("labels"), is_going(pod), pods.is_finished(pod), pods.is_ready(pod),
        status.get("podIPs"), status.get("podIP"), spec.get("nodeName"), spec.get("hostname"), spec.get("subdomain"),
    )  # fmt: skip


def _address(pod: Json, family: str) -> str:
    status = pod.get("status", {})
    known = [item["ip"] for item in status.get("podIPs") or ()] or [status.get("podIP") or ""]
    return next((address for address in known if address and family_of(address) == family), "")


def _backend(service: Json, pod: Json, address: str) -> Backend:
    spec, terminating = pod["spec"], is_going(pod)
    always = bool(service["spec"].get("publishNotReadyAddresses"))
    serving = always or pods.is_ready(pod)
    named = spec.get("hostname") if spec.get("subdomain") == service["metadata"]["name"] else ""
    return Backend(
        address=address,
        pod=pod,
        ports=tuple(_ports(service, pod)),
        ready=serving and (always or not terminating),
        serving=serving,
        terminating=terminating,
        hostname=named or "",
    )


def _ports(service: Json, pod: Json) -> Iterable[Port]:
    """The Service's ports on this pod; one whose name the pod does not have is not there."""
    for item in service["spec"].get("ports") or ():
        protocol = item.get("protocol", "TCP")
        target = item.get("targetPort") or item["port"]
        number = target if isinstance(target, int) else _named_port(pod, target, protocol)
        if number:
            yield Port(item.get("name", ""), protocol, number, item.get("appProtocol", ""))


def _named_port(pod: Json, name: str, protocol: str) -> int:
    spec = pod["spec"]
    sidecars = (item for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always")
    for container in (*spec["containers"], *sidecars):
        for port in container.get("ports") or ():
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                number: int = port["containerPort"]
                return number
    return 0
