# SPDX-License-Identifier: Apache-2.0
"""Service default/kubernetes: how pods reach the API server. Each server says where it is; this is not for a leader."""

import asyncio
import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from controlplane.controllers.backends import family_of
from controlplane.controllers.controller import Clock, utc_now
from controlplane.controllers.meta import parse_time
from controlplane.controllers.operations import Create, Operation, Update
from kube.client import Client
from kube.errors import ApiStatusError, UnreachableError
from kube.kinds import ENDPOINT_SLICES, ENDPOINTS, LEASES, SERVICES, Kind

log = logging.getLogger(__name__)

Json = dict[str, Any]

NAME: Final = "kubernetes"
NAMESPACE: Final = "default"
_LEASE_NAMESPACE: Final = "kube-system"
_LABELS: Final = {"component": "apiserver", "provider": "kubernetes"}
# Servers tell that they live by a Lease with this label; one that is silent for its duration is taken out.
_LEASE_LABEL: Final = ("apiserver.kubernetes.io/identity", "orlop-apiserver")
_ADDRESS: Final = "orlop.dev/apiserver-address"
_LEASE_SECONDS: Final = 30
_RENEW_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where this API server listens for pods, and the virtual IPs and port of the Service.

    service_ips is one address, or one of each family; the first decides the family of the endpoints.
    """

    address: str
    port: int
    service_ips: tuple[str, ...]
    service_port: int = 443


def service(server: Server) -> Json:
    """The Service; it has no selector."""
    families = [family_of(address) for address in server.service_ips]
    return {
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": _LABELS},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": server.service_ips[0],
            "clusterIPs": list(server.service_ips),
            "ipFamilies": families,
            "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "RequireDualStack",
            "sessionAffinity": "None",
            "ports": [
                {"name": "https", "protocol": "TCP", "port": server.service_port, "targetPort": server.port}
            ],
        },
    }


def plan(
    server: Server, addresses: Iterable[str], present: Json | None, endpoints: Json | None, piece: Json | None
) -> list[Operation]:
    """What to write so that the Service is there and its Endpoints and EndpointSlice are these addresses."""
    ordered = sorted(set(addresses), key=lambda text: int(ipaddress.ip_address(text)))
    port = {"name": "https", "port": server.port, "protocol": "TCP"}
    operations = list[Operation]()
    if present is None:
        operations.append(Create(SERVICES, service(server)))
    subsets = [{"addresses": [{"ip": address} for address in ordered], "ports": [port]}]
    # Mirroring controllers must not make a second slice of it.
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    operations += _replace(ENDPOINTS, endpoints, labels, {"subsets": subsets})
    content = {
        "addressType": family_of(server.address),
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in ordered],
        "ports": [port],
    }
    return operations + _replace(ENDPOINT_SLICES, piece, {"kubernetes.io/service-name": NAME}, content)


def living(leases: Iterable[Json], now: datetime) -> list[str]:
    """The addresses of the servers whose Leases have not run out."""
    return [
        lease["metadata"]["annotations"][_ADDRESS]
        for lease in leases
        if _ADDRESS in (lease["metadata"].get("annotations") or {})
        and parse_time(lease["spec"]["renewTime"]) + timedelta(seconds=_LEASE_SECONDS) > now
    ]


def _replace(kind: Kind, present: Json | None, labels: Json, content: Json) -> list[Operation]:
    if present is None:
        return [
            Create(kind, {"metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels}, **content})
        ]
    same = all(present.get(key) == value for key, value in content.items())
    same = same and labels.items() <= (present["metadata"].get("labels") or {}).items()
    if same:
        return []
    metadata = {
        **present["metadata"],
        "labels": {**(present["metadata"].get("labels") or {}), **labels},
    }
    return [Update(kind, {**present, "metadata": metadata, **content})]


class KubernetesService:
    """Keeps the Service and this server's place in it; run() in every server, beside the elected controllers."""

    def __init__(self, client: Client, server: Server, identity: str, *, now: Clock = utc_now) -> None:
        self._client, self._server, self._now = client, server, now
        self._lease = f"orlop-apiserver-{identity}"

    async def run(self) -> None:
        """Every few seconds, until cancelled; then this server is taken out, if there is still time."""
        try:
            while True:
                try:
                    await self.once()
                except (ApiStatusError, UnreachableError) as error:
                    log.warning("Cannot keep service %s/%s: %s", NAMESPACE, NAME, error)
                await asyncio.sleep(_RENEW_SECONDS)
        finally:
            await self._leave()

    async def once(self) -> None:
        """Renew our Lease and bring the Service to the servers that live."""
        await self._renew()
        label = f"{_LEASE_LABEL[0]}={_LEASE_LABEL[1]}"
        leases = (await self._client.list(LEASES, _LEASE_NAMESPACE, labels=label))["items"]
        found = [await self._get(kind) for kind in (SERVICES, ENDPOINTS, ENDPOINT_SLICES)]
        for operation in plan(self._server, living(leases, self._now()), *found):
            try:
                await self._write(operation)
            except ApiStatusError as error:
                # Another server was faster; the next look sees what it made.
                if not error.is_conflict and not error.already_exists:
                    raise

    async def _write(self, operation: Operation) -> None:
        match operation:
            case Create(kind, obj):
                await self._client.create(kind, obj)
            case Update(kind, obj):
                await self._client.update(kind, obj)

    async def _get(self, kind: Kind, name: str = NAME, namespace: str = NAMESPACE) -> Json | None:
        try:
            return await self._client.get(kind, name, namespace)
        except ApiStatusError as error:
            if error.is_not_found:
                return None
            raise

    async def _renew(self) -> None:
        spec = {
            "holderIdentity": self._lease,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        present = await self._get(LEASES, self._lease, _LEASE_NAMESPACE)
        metadata = {
            "name": self._lease,
            "namespace": _LEASE_NAMESPACE,
            "labels": dict([_LEASE_LABEL]),
            "annotations": {_ADDRESS: self._server.address},
        }
        if present is None:
            await self._client.create(LEASES, {"metadata": metadata, "spec": spec})
        else:
            await self._client.update(LEASES, {"metadata": metadata, "spec": spec})

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(1):
                await self._client.delete(LEASES, self._lease, _LEASE_NAMESPACE)
        except (ApiStatusError, UnreachableError, TimeoutError) as error:
            log.info("Cannot take this server out of service %s/%s: %s", NAMESPACE, NAME, error)
