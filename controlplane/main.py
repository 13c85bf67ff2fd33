# SPDX-License-Identifier: Apache-2.0
"""Wiring: the API server put together from its parts, and run until it is told to stop."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from socket import socket
from typing import Final

from controlplane import memory
from controlplane.admission.defaults import default_plugins
from controlplane.admission.priority import SYSTEM_CLASSES
from controlplane.allocation.ranges import ranges_of
from controlplane.allocation.repair import repair
from controlplane.allocation.services import ServiceReserver
from controlplane.auth import kubeconfig
from controlplane.auth.audit import AuditLog
from controlplane.auth.main import Auth, build
from controlplane.auth.pki import Pki, open_pki
from controlplane.auth.tls import Serving
from controlplane.config import ControlPlaneConfig
from controlplane.engine import Engine
from controlplane.errors import ConfigError
from controlplane.http.connect import Connector, dialer
from controlplane.http.connection import Server
from controlplane.http.descriptors import most_connections
from controlplane.http.guests import Guests
from controlplane.http.listener import Listener
from controlplane.http.mounts import OpenApiMount, OpenIdMount
from controlplane.http.server import ApiServer
from controlplane.managers import Managers
from controlplane.openapi.answer import OpenApi
from controlplane.protobuf.body import decode as decode_protobuf
from controlplane.registry import default_registry
from controlplane.registry.registry import Registry
from controlplane.store.errors import StoreError
from controlplane.store.interface import Store
from controlplane.stores import open_store
from controlplane.verbs.bootstrap import create_namespaces, ensure
from controlplane.verbs.reader import StoreReader
from controlplane.verbs.writer import StoreWriter
from kube import tls_buffers

_LOG: Final = logging.getLogger(__name__)

# Names by which pods and people on this machine call the server.
_HOSTS: Final = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at url, from this machine also at local_url; pki has the certificates to call it with."""

    url: str
    local_url: str
    port: int
    pki: Pki
    engine: Engine
    server: ApiServer


async def serve(config: ControlPlaneConfig, listener: socket | None = None) -> None:
    """Run until cancelled, then end cleanly. Raises StoreError, PkiError and ConfigError for what cannot begin.

    listener: a bound TCP socket, of this or another network namespace, that is answered like config.address. It
    starts to listen once everything is ready.
    """
    async with started(config, listener) as running:
        _LOG.info("ready at %s", running.url)
        if running.engine.authorizer is None:
            raise AssertionError("a server with TLS has an authorizer")
        managers = Managers(config, running.local_url, running.port, running.pki, running.engine.authorizer)
        memory.settle()
        async with asyncio.TaskGroup() as group:
            group.create_task(memory.give_back(), name="memory")
            group.create_task(managers.run(), name="managers")


@asynccontextmanager
async def started(config: ControlPlaneConfig, listener: socket | None = None) -> AsyncIterator[Running]:
    """The server, answering inside the block."""
    tls_buffers.shrink()
    async with AsyncExitStack() as stack:
        config.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
        pki = open_pki(config.pki, datetime.now(UTC))
        store = await open_store(config.store, config.etcd)
        stack.push_async_callback(store.close)
        registry = default_registry()
        auth = build(store, StoreReader(registry, store), pki, issuer=_issuer(config))
        engine = _engine(config, store, registry, auth)
        await _prepare(config, engine, stack, auth)
        server = _server(config, engine, auth, pki, stack)
        _write_kubeconfig(config, pki)
        port = await _listen(config, server, pki, stack, listener)
        url, local = (f"https://{_host(each)}:{port}" for each in (config.address, _local(config.address)))
        yield Running(url, local, port, pki, engine, server)


def _engine(config: ControlPlaneConfig, store: Store, registry: Registry, auth: Auth) -> Engine:
    ranges = ranges_of(store, config.service_cidrs, config.node_ports)
    reader, writer = StoreReader(registry, store), StoreWriter(registry, store)
    return Engine(
        registry,
        store,
        default_plugins(reader, writer, *auth.plugins, pod_security=config.pod_security),
        auth.authorizer,
        {("", "services"): ServiceReserver(ranges)},
        auth.tokens.request,
        auth.reviews.answers,
    )


async def _prepare(config: ControlPlaneConfig, engine: Engine, stack: AsyncExitStack, auth: Auth) -> None:
    """What has to be there before the first request."""
    await create_namespaces(engine)
    for priority_class in SYSTEM_CLASSES.values():
        await ensure(engine, "scheduling.k8s.io", "priorityclasses", priority_class)
    await repair(engine.store, ranges_of(engine.store, config.service_cidrs, config.node_ports), time.time())
    mirror = await auth.start(engine.store)
    stack.push_async_callback(_cancel, mirror)


def _server(
    config: ControlPlaneConfig, engine: Engine, auth: Auth, pki: Pki, stack: AsyncExitStack
) -> ApiServer:
    asked = config.audit
    audit = AuditLog(asked.path, asked.rotation, asked.rules) if asked else None
    if audit is not None:
        stack.callback(audit.close)
    openid = OpenIdMount(auth.tokens, f"https://{_host(config.address)}:{config.port}")

    async def check_store() -> str:
        try:
            await engine.store.current_revision()
        except StoreError as error:
            return str(error)
        return ""

    return ApiServer(
        engine,
        auth.authenticator.authenticate,
        f"{_host(config.address)}:{config.port}",
        config.release,
        {"ping": _ping, "store": check_store},
        {"openapi": OpenApiMount(OpenApi(engine.registry)), "openid": openid, ".well-known": openid},
        decode_protobuf,
        connector=Connector(engine, StoreReader(engine.registry, engine.store), dialer(_agents_tls(pki))),
        audit=audit.write if audit else None,
    )


def _agents_tls(pki: Pki) -> ssl.SSLContext:
    """For calls to agents: they know us by our certificate, we know them by the cluster's authority.

    The name is not compared: nodes are dialled by addresses, which their certificates need not have.
    """
    context = ssl.create_default_context(cafile=str(pki.ca_path))
    context.check_hostname = False
    own = pki.client("admin", datetime.now(UTC))
    context.load_cert_chain(own.certificate_path, own.key_path)
    return context


def _local(address: str) -> str:
    """Where to call a server that listens on all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)


async def _ping() -> str:
    return ""


def _write_kubeconfig(config: ControlPlaneConfig, pki: Pki) -> None:
    if config.kubeconfig is None:
        return
    admin = pki.client("admin", datetime.now(UTC))
    text = kubeconfig.render(config.kubeconfig.server, pki.ca_path.read_bytes(), admin)
    kubeconfig.write(config.kubeconfig.path, text)


async def _listen(
    config: ControlPlaneConfig, server: ApiServer, pki: Pki, stack: AsyncExitStack, inherited: socket | None
) -> int:
    """Answer TLS connections; the port is the one that was bound for config.address."""
    first_services = (str(ip_network(cidr)[1]) for cidr in config.service_cidrs)
    addresses = tuple(dict.fromkeys((config.address, "127.0.0.1", "::1", *config.addresses, *first_services)))
    hosts = (*_HOSTS, f"kubernetes.default.svc.{config.cluster_domain}", *config.hosts)
    serving = Serving(pki, hosts, addresses)
    stack.push_async_callback(_cancel, asyncio.create_task(serving.keep()))
    listener = Listener(Server(server.handle), Guests(most_connections()), serving.context)
    stack.push_async_callback(listener.close, config.stop_seconds)
    try:
        await listener.bind(config.address, config.port)
    except OSError as error:
        place = f"{_host(config.address)}:{config.port}"
        raise ConfigError(f"cannot listen at {place}: {error.strerror or error}") from error
    if inherited is not None:
        listener.listen(inherited)
    # Watches end before the listener waits for what is still being answered.
    stack.push_async_callback(server.stop)
    return listener.ports[0]


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _issuer(config: ControlPlaneConfig) -> str:
    return f"https://kubernetes.default.svc.{config.cluster_domain}"


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
