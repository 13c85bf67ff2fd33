# SPDX-License-Identifier: Apache-2.0
"""What the control plane is told when it starts. Every root is a value here: nothing below reads a fixed path."""

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from controlplane.errors import ConfigError

MEMORY = "memory"
SQLITE = "sqlite"
ETCD = "etcd"


@dataclass(frozen=True, slots=True)
class AdminKubeconfig:
    """A kubeconfig for the administrator that is written at each start; server is the URL that it names."""

    path: Path
    server: str


@dataclass(frozen=True, slots=True)
class ControlPlaneConfig:
    """One server. pki is the folder of certificates and keys, made at first start.

    store: memory://, sqlite:///absolute/path or etcd://host:port[,host:port]. hosts and addresses are further names
    that clients may call the server by. service_cidrs: one range of each address family, the default one first;
    pod_cidrs: the same for pods, of which nodes get parts; () gives them none. audit_log None: no audit log.
    kubeconfig is there before the first connection is taken. event_seconds: how long an Event is kept after it last
    happened.
    """

    pki: Path
    store: str
    address: str = "127.0.0.1"
    port: int = 6443
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ("10.96.0.0/16",)
    node_ports: tuple[int, int] = (30000, 32767)
    cluster_domain: str = "cluster.local"
    release: str = "0.1.0"
    audit_log: Path | None = None
    stop_seconds: float = 10.0
    kubeconfig: AdminKubeconfig | None = None
    pod_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    event_seconds: float = 3600.0

    def __post_init__(self) -> None:
        split_store(self.store)
        for cidr in (*self.service_cidrs, *self.pod_cidrs):
            _check_network(cidr)
        if self.event_seconds <= 0:
            raise ConfigError(f"cannot keep Events for {self.event_seconds} s: name a time over 0")
        first, last = self.node_ports
        if not 0 < first <= last < 65536:
            raise ConfigError(
                f"cannot use the node ports {first}-{last}: name ports from 1 to 65535, lowest first"
            )


def split_store(url: str) -> tuple[str, str]:
    """The kind of a store and where it is: a path for SQLite, endpoints for etcd. Raises ConfigError."""
    parts = urlsplit(url)
    place = parts.netloc if parts.scheme == ETCD else parts.path
    known = "memory://, sqlite:///absolute/path or etcd://host:port[,host:port]"
    if parts.scheme not in (MEMORY, SQLITE, ETCD) or (parts.scheme != MEMORY and place in ("", "/")):
        raise ConfigError(f"cannot use the store {url!r}: name one as {known}")
    if parts.scheme == SQLITE and parts.netloc:
        raise ConfigError(f"cannot use the store {url!r}: the path is absolute, with three slashes: {known}")
    return parts.scheme, place


def _check_network(cidr: str) -> None:
    try:
        ip_network(cidr)
    except ValueError as error:
        raise ConfigError(f"cannot use the range {cidr!r}: {error}") from error
