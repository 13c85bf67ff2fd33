# SPDX-License-Identifier: Apache-2.0
"""Variables that tell a container where the Services of its namespace are (pkg/kubelet/envvars)."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from lightkube.models import core_v1

from agent.objects.model import Objects

MASTER_NAMESPACE: Final = "default"
MASTER_SERVICE: Final = "kubernetes"
"""The API server itself: every container is told where it is."""


def service_variables(objects: Objects, namespace: str, *, links: bool) -> dict[str, str]:
    """NAME_SERVICE_HOST, NAME_SERVICE_PORT and the like, by name.

    links is enableServiceLinks: without it there is only the Service of the API server.
    """
    services = {
        _name(each): each for each in objects.services(MASTER_NAMESPACE) if _name(each) == MASTER_SERVICE
    }
    if links:
        services |= {_name(each): each for each in objects.services(namespace)}
    return {name: value for _, service in sorted(services.items()) for name, value in _variables(service)}


def _name(service: core_v1.Service) -> str:
    return (service.metadata and service.metadata.name) or ""


def _variables(service: core_v1.Service) -> Iterator[tuple[str, str]]:
    spec = service.spec
    if spec is None or spec.clusterIP in (None, "", "None") or not spec.ports:
        return
    prefix, address = _word(_name(service)), str(spec.clusterIP)
    yield f"{prefix}_SERVICE_HOST", address
    yield f"{prefix}_SERVICE_PORT", str(spec.ports[0].port)
    yield from (
        (f"{prefix}_SERVICE_PORT_{_word(port.name)}", str(port.port)) for port in spec.ports if port.name
    )
    yield f"{prefix}_PORT", _url(spec.ports[0], address)
    for port in spec.ports:
        yield from _link(f"{prefix}_PORT_{port.port}_{port.protocol or 'TCP'}", port, address)


def _link(prefix: str, port: core_v1.ServicePort, address: str) -> Iterator[tuple[str, str]]:
    """What Docker's links were called."""
    yield prefix, _url(port, address)
    yield f"{prefix}_PROTO", (port.protocol or "TCP").lower()
    yield f"{prefix}_PORT", str(port.port)
    yield f"{prefix}_ADDR", address


def _url(port: core_v1.ServicePort, address: str) -> str:
    host = f"[{address}]" if _is_v6(address) else address
    return f"{(port.protocol or 'TCP').lower()}://{host}:{port.port}"


def _is_v6(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == 6
    except ValueError:
        return False


def _word(name: str) -> str:
    return name.replace("-", "_").upper()
