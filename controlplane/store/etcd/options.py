# SPDX-License-Identifier: Apache-2.0
"""How to reach etcd."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts: the CA that etcd's certificate is checked with, and our own certificate and key if etcd asks.

    server_name: the name that etcd's certificate has, where that is not the endpoint's host.
    """

    ca: bytes
    certificate: bytes | None = None
    key: bytes | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("cannot use a client certificate: it needs both a certificate and its key")


@dataclass(frozen=True, slots=True)
class EtcdOptions:
    """endpoints: "host:port" or "unix:/path", one or more members of one cluster. tls None: plain text.

    root: what all keys of this store begin with; two clusters in one etcd have two roots, neither a prefix of the
    other. timeout: seconds for one call.
    """

    endpoints: tuple[str, ...]
    root: str = "/orlop"
    tls: Tls | None = None
    timeout: float = 5.0

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ValueError("cannot use etcd: no endpoint is given")
        if not self.root.startswith("/") or self.root.endswith("/"):
            raise ValueError(
                f'cannot use etcd root "{self.root}": it begins with "/" and does not end with it'
            )
        for endpoint in self.endpoints:
            if "://" in endpoint or not endpoint.rpartition(":")[0]:
                raise ValueError(
                    f'cannot use etcd endpoint "{endpoint}": write it as host:port, without a scheme'
                )
