# SPDX-License-Identifier: Apache-2.0
"""Where log, exec, attach, portforward and proxy go: a node's agent, or the address of a pod or Service."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web

from controlplane.admission.chain import mutate, validated
from controlplane.engine import Engine
from controlplane.errors import ApiError, bad_request, not_found
from controlplane.http.splice import Connection, splice
from controlplane.registry.data import items, look
from controlplane.request import Operation, Reader
from controlplane.verbs.call import Call

Json = dict[str, Any]

Dial = Callable[[str, int, bool], Awaitable[Connection]]
"""Opens a connection to host and port, with TLS if the last is true. Raises OSError and TimeoutError."""

AGENT_PORT: Final = 10250
DIAL_SECONDS: Final = 10.0
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_ADDRESS_TYPES: Final = ("InternalIP", "ExternalIP", "Hostname")
# The API's names of options -> the agent's.
_STREAMS: Final = {"stdin": "input", "stdout": "output", "stderr": "error"}
_STREAM_DEFAULTS: Final = {"stdout": "true", "stderr": "true"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect, and what to ask there (path and query, as sent)."""

    host: str
    port: int
    tls: bool
    target: str


def dialer(context: ssl.SSLContext | None) -> Dial:
    """Over TCP; context is for agents and for https proxies."""

    async def dial(host: str, port: int, tls: bool) -> Connection:  # noqa: FBT001 - see Dial
        async with asyncio.timeout(DIAL_SECONDS):
            return await asyncio.open_connection(host, port, ssl=context if tls else None)

    return dial


@dataclass(frozen=True, slots=True)
class Connector:
    """http.server.Connector: finds the place, lets admission have its word, and joins the connections."""

    engine: Engine
    reader: Reader
    dial: Dial

    async def __call__(self, request: web.BaseRequest, call: Call, rest: str) -> web.StreamResponse:
        """Raises ApiError 400, 404, and 503 when nobody answers there."""
        place = await self._place(request, call, rest)
        admission = call.admission(Operation.CONNECT, {}, None)
        await mutate(self.engine.plugins, admission)
        async with validated(self.engine.plugins, admission):
            connection = await self._connect(place)
        return await splice(request, connection, f"{place.host}:{place.port}", place.target)

    async def _connect(self, place: Place) -> Connection:
        try:
            return await self.dial(place.host, place.port, place.tls)
        except (OSError, TimeoutError) as error:
            why = str(error) or f"no answer within {DIAL_SECONDS:.0f} s"
            text = f"error trying to reach {place.host}:{place.port}: {why}"
            raise ApiError(503, "ServiceUnavailable", text) from error

    async def _place(self, request: web.BaseRequest, call: Call, rest: str) -> Place:
        query = request.raw_path.partition("?")[2]
        behind = (rest if rest.startswith("/") else f"/{rest}") + (f"?{query}" if query else "")
        sub = call.subresource.name if call.subresource else ""
        match call.resource.plural:
            case "nodes":
                name, port, tls = _split_name(call.name, AGENT_PORT, tls=True)
                return await self._agent(name, behind, port, tls=tls)
            case "services":
                return await self._service(call, behind)
        if sub == "proxy":
            return await self._pod_itself(call, behind)
        return await self._pod(request, call, sub)

    async def _pod(self, request: web.BaseRequest, call: Call, sub: str) -> Place:
        pod = await self._get("pods", call.namespace, call.name)
        node = look(pod, "spec", "nodeName")
        if not node:
            raise bad_request(f"pod {call.name} does not have a host assigned")
        path = f"{quote(call.namespace)}/{quote(call.name)}"
        if sub == "portforward":
            return await self._agent(
                node, _with_query(f"/portForward/{path}", _pairs(request, ("ports", "port")))
            )
        container = _container(pod, request.query.get("container", ""))
        if sub == "log":
            pairs = [(name, value) for name, value in request.query.items() if name != "container"]
            return await self._agent(node, _with_query(f"/containerLogs/{path}/{quote(container)}", pairs))
        return await self._agent(
            node, _with_query(f"/{sub}/{path}/{quote(container)}", _stream_pairs(request))
        )

    async def _agent(self, name: str, target: str, port: int = 0, *, tls: bool = True) -> Place:
        node = await self._get("nodes", "", name)
        addresses = {item.get("type"): item.get("address") for item in items(node, "status", "addresses")}
        host = next((addresses[kind] for kind in _ADDRESS_TYPES if addresses.get(kind)), None)
        if host is None:
            raise ApiError(503, "ServiceUnavailable", f"no address is known of node {name}")
        told = look(node, "status", "daemonEndpoints", "kubeletEndpoint", "Port", default=AGENT_PORT)
        return Place(host, told if port in (0, AGENT_PORT) else port, tls, target)

    async def _pod_itself(self, call: Call, target: str) -> Place:
        name, port, tls = _split_name(call.name, 0, tls=False)
        pod = await self._get("pods", call.namespace, name)
        address = look(pod, "status", "podIP")
        if not address:
            raise ApiError(503, "ServiceUnavailable", f"pod {name} has no address")
        ports = [
            one.get("containerPort")
            for each in items(pod, "spec", "containers")
            for one in items(each, "ports")
        ]
        return Place(address, port or next(iter(ports), 80), tls, target)

    async def _service(self, call: Call, target: str) -> Place:
        """A ready endpoint of the Service, any of them."""
        name, wanted, tls = _split_name(call.name, 0, tls=False, named=True)
        await self._get("services", call.namespace, name)
        endpoints = await self.reader.get("", "endpoints", call.namespace, name) or {}
        places = [
            (address["ip"], port["port"])
            for subset in items(endpoints, "subsets")
            for address in items(subset, "addresses")
            for port in items(subset, "ports")
            if wanted in (0, port["port"], port.get("name", ""))
        ]
        if not places:
            raise ApiError(503, "ServiceUnavailable", f'no endpoints available for service "{name}"')
        host, port = random.choice(places)
        return Place(host, port, tls, target)

    async def _get(self, plural: str, namespace: str, name: str) -> Json:
        found = await self.reader.get("", plural, namespace, name)
        if found is None:
            raise not_found("", plural, name)
        return found


def _split_name(name: str, default: int, *, tls: bool, named: bool = False) -> tuple[str, Any, bool]:
    """[https:]name[:port]; a Service's port may be a name. Raises ApiError 400."""
    parts = name.split(":")
    if len(parts) == 3:
        scheme, name, port = parts
        if scheme not in ("http", "https", ""):
            raise bad_request(f"cannot proxy by {scheme[:20]!r}: http and https are known")
        tls = scheme == "https"
    else:
        name, port = parts[0], parts[1] if len(parts) == 2 else ""
    if not port:
        return name, default, tls
    if port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536:
        return name, int(port), tls
    if named:
        return name, port, tls
    raise bad_request(f"invalid port {port[:40]!r}")


def _container(pod: Json, asked: str) -> str:
    """The container that is meant. Raises ApiError 400."""
    kinds = ("containers", "initContainers", "ephemeralContainers")
    names = [one["name"] for kind in kinds for one in items(pod, "spec", kind)]
    name = pod["metadata"]["name"]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked[:80]} is not valid for pod {name}")
        return asked
    chosen = look(pod, "metadata", "annotations", _DEFAULT_CONTAINER)
    if chosen in names:
        return str(chosen)
    own = [one["name"] for one in items(pod, "spec", "containers")]
    if len(own) == 1:
        return str(own[0])
    raise bad_request(
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
    )


def _stream_pairs(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Options of exec and attach: the agent has its own names of the streams, and 1 for true."""
    query: Mapping[str, str] = {**_STREAM_DEFAULTS, **request.query}
    pairs = [("command", command) for command in request.query.getall("command", [])]
    flags = {**_STREAMS, "tty": "tty"}
    return pairs + [(sent, "1") for name, sent in flags.items() if query.get(name, "") in ("true", "1")]


def _pairs(request: web.BaseRequest, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("port", value) for name in names for value in request.query.getall(name, [])]


def _with_query(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
