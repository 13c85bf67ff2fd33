# SPDX-License-Identifier: Apache-2.0
"""What a node's configuration has to be besides well-typed; pure, and asked at every start."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kube.names import DNS_SUBDOMAIN
from netplugin.config import network_of
from netplugin.errors import NetpluginError

if TYPE_CHECKING:
    from cli.config import NodeConfig
    from netplugin.config import Settings

# A unix socket's path has at most this many bytes (unix(7), sun_path).
_SOCKET_LIMIT: Final = 107
_AGENT_SOCKET: Final = "agent.sock"
NETD_SOCKET: Final = "netd.sock"


def check_node(config: "NodeConfig", network: "Settings") -> Iterator[str]:
    """A line for everything that is wrong: the field, its value, and what is accepted."""
    for problem in DNS_SUBDOMAIN.check(("name",), config.name):
        yield str(problem)
    if config.address and not _is_address(config.address):
        yield f'address: Invalid value: "{config.address}"; accepted: an IPv4 or IPv6 address, or nothing'
    yield from _paths(config)
    yield from _sockets(config)
    yield from _times(config)
    try:
        network_of(network)
    except NetpluginError as error:
        yield f"network: {error}"


def _paths(config: "NodeConfig") -> Iterator[str]:
    paths = {
        "runtime.socket": config.runtime.socket,
        "manifests": config.manifests,
        "state": config.state,
        "run": config.run,
        "logs": config.logs,
        "cgroupRoot": config.cgroupRoot,
        "network.cniBin": config.network.cniBin,
        "network.cniConf": config.network.cniConf,
    }
    if config.api:
        api = config.api
        paths |= {
            "api.kubeconfig": api.kubeconfig,
            "api.servingCertificate": api.servingCertificate,
            "api.servingKey": api.servingKey,
            "api.clientAuthority": api.clientAuthority,
        }
    for field, path in paths.items():
        if not path.startswith("/") or "\0" in path:
            yield f'{field}: Invalid value: "{path}"; accepted: an absolute path'


def _sockets(config: "NodeConfig") -> Iterator[str]:
    run = Path(config.run)
    for field, path in (
        ("runtime.socket", config.runtime.socket),
        ("run", str(run / _AGENT_SOCKET)),
        ("run", str(run / NETD_SOCKET)),
    ):
        if len(path.encode()) > _SOCKET_LIMIT:
            yield f'{field}: the socket "{path}" is too long; accepted: at most {_SOCKET_LIMIT} bytes'


def _times(config: "NodeConfig") -> Iterator[str]:
    delays = config.backoff
    for field, seconds in (
        ("relistSeconds", config.relistSeconds),
        ("housekeepingSeconds", config.housekeepingSeconds),
        ("backoff.initial", delays.initial),
    ):
        if seconds <= 0:
            yield f"{field}: Invalid value: {seconds:g}; accepted: more than 0"
    if delays.maximum < delays.initial:
        yield f"backoff.maximum: Invalid value: {delays.maximum:g}; accepted: {delays.initial:g} (initial) or more"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
