# SPDX-License-Identifier: Apache-2.0
"""What the control plane is told when it starts. Every root is a value here: nothing below reads a fixed path."""

from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from controlplane.admission.pod_security import PodSecuritySettings
from controlplane.auth.audit import Rotation
from controlplane.auth.audit_policy import DEFAULT as DEFAULT_RULES
from controlplane.auth.audit_policy import Rule
from controlplane.errors import ConfigError
from kube.leader import DEFAULT_TIMING, Timing

MEMORY = "memory"
SQLITE = "sqlite"
ETCD = "etcd"


@dataclass(frozen=True, slots=True)
class AdminKubeconfig:
    """A kubeconfig for the administrator that is written at each start; server is the URL that it names."""

    path: Path
    server: str


@dataclass(frozen=True, slots=True)
class EtcdAccess:
    """How etcd is reached besides its endpoints: files in PEM, a name that its certificate has where that is not the
    endpoint's host, and what all keys begin with. ca None: plain text.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""
    root: str = "/orlop"

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("cannot use etcd's client certificate: name both certificate and key")
        if self.ca is None and (self.certificate is not None or self.server_name):
            raise ConfigError("cannot use TLS with etcd: name the ca that its certificate is checked with")


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Where the audit log is, when its files are full and how many are kept, and what comes into it."""

    path: Path
    rotation: Rotation = field(default_factory=Rotation)
    rules: tuple[Rule, ...] = DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class ControlPlaneConfig:
    """One server. pki is the folder of certificates and keys, made at first start.

    store: memory://, sqlite:///absolute/path or etcd://host:port[,host:port]. hosts and addresses are further names
    that clients may call the server by. service_cidrs: one range of each address family, the default one first;
    pod_cidrs: the same for pods, of which nodes get parts; () gives them none. audit None: no audit log. etcd:
    None with another store, or without TLS. leader: how the controllers of several servers take turns.
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
    audit: AuditSettings | None = None
    stop_seconds: float = 10.0
    kubeconfig: AdminKubeconfig | None = None
    pod_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    event_seconds: float = 3600.0
    etcd: EtcdAccess | None = None
    leader: Timing = DEFAULT_TIMING
    pod_security: PodSecuritySettings | None = None

    def __post_init__(self) -> None:
        kind, _ = split_store(self.store)
        if self.etcd is not None and kind != ETCD:
            raise ConfigError(
                f"cannot use etcd settings with the store {self.store!r}: name an etcd:// store"
            )
        timing = self.leader
        if not 0 < timing.retry < timing.renew < timing.lease:
            raise ConfigError(
                f"cannot elect a leader with {timing.lease:g}, {timing.renew:g} and {timing.retry:g} s: "
                "the lease has to be longer than renewing may take, and that longer than the pause between tries"
            )
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
