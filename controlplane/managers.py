# SPDX-License-Identifier: Apache-2.0
"""Wiring: controllers, scheduler and the Service of the API server itself, as clients of the server beside them."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Final

from controlplane.auth.csr import Approval, approval
from controlplane.auth.pki import Pki
from controlplane.auth.signing import sign
from controlplane.config import ControlPlaneConfig
from controlplane.controllers.kubernetes_service import KubernetesService, Server
from controlplane.controllers.main import ControllersConfig, run_controllers
from controlplane.request import Authorizer
from kube.client import Client
from kube.config import from_memory

Json = dict[str, Any]

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Managers:
    """What runs beside the server that answers at url (on port, for pods)."""

    config: ControlPlaneConfig
    url: str
    port: int
    pki: Pki
    authorizer: Authorizer

    async def run(self) -> None:
        """Until cancelled. What one of them cannot do it tries again; a fault of ours ends all."""
        identity = f"orlop-{uuid.uuid4()}"
        async with AsyncExitStack() as stack:
            clients = {name: await stack.enter_async_context(self._client(name)) for name in _CLIENTS}
            async with asyncio.TaskGroup() as group:
                controllers = run_controllers(
                    clients["controllers"], self._controllers(identity), scheduler=clients["scheduler"]
                )
                group.create_task(controllers, name="controllers")
                if (server := self._server()) is not None:
                    service = KubernetesService(clients["admin"], server, identity)
                    group.create_task(service.run(), name="kubernetes-service")

    def _client(self, name: str) -> Client:
        pair = self.pki.client(name, datetime.now(UTC))
        ca = self.pki.ca_path.read_bytes()
        config = from_memory(self.url, ca_pem=ca, certificate_pem=pair.certificate_pem, key_pem=pair.key_pem)
        return Client(config, user_agent=f"orlop-{name}")

    def _controllers(self, identity: str) -> ControllersConfig:
        return ControllersConfig(
            identity,
            self.pki.ca_path.read_text(),
            self.config.pod_cidrs,
            sign=self._sign,
            approve=_approver(self.authorizer),
            event_lifetime=timedelta(seconds=self.config.event_seconds),
            timing=self.config.leader,
        )

    def _sign(self, request: Json) -> bytes:
        return sign(request, self.pki.authority, datetime.now(UTC))

    def _server(self) -> Server | None:
        """None where pods could not reach the address: Endpoints must not name a loopback address."""
        address = next(
            (given for given in (self.config.address, *self.config.addresses) if _reaches(given)), None
        )
        if address is None:
            _LOG.info("no Service default/kubernetes: %s is for this machine only", self.config.address)
            return None
        virtual = tuple(str(ip_network(cidr)[1]) for cidr in self.config.service_cidrs)
        return Server(address, self.port, virtual)


_CLIENTS: Final = ("admin", "controllers", "scheduler")


def _approver(authorizer: Authorizer) -> Callable[[Json, Json | None], Awaitable[Approval | None]]:
    return lambda request, node: approval(request, authorizer, node)


def _reaches(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not address.is_loopback and not address.is_unspecified and not address.is_link_local
