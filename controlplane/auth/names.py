# SPDX-License-Identifier: Apache-2.0
"""Users and groups whose names mean something to Kubernetes (k8s.io/apiserver, authentication/user)."""

from dataclasses import dataclass
from typing import Final

from controlplane.request import User

MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
NODES: Final = "system:nodes"
BOOTSTRAPPERS: Final = "system:bootstrappers"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"

_ACCOUNT_PREFIX: Final = "system:serviceaccount:"
_NODE_PREFIX: Final = "system:node:"


@dataclass(frozen=True, slots=True)
class Account:
    """A service account's namespace and name."""

    namespace: str
    name: str

    @property
    def username(self) -> str:
        """As RBAC and audit see it."""
        return f"{_ACCOUNT_PREFIX}{self.namespace}:{self.name}"

    @property
    def groups(self) -> tuple[str, ...]:
        """All accounts, and those of the namespace."""
        return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{self.namespace}")


def account_of(username: str) -> Account | None:
    """The service account of a username such as system:serviceaccount:default:builder, or None."""
    if not username.startswith(_ACCOUNT_PREFIX):
        return None
    namespace, colon, name = username[len(_ACCOUNT_PREFIX) :].partition(":")
    return Account(namespace, name) if colon and namespace and name and ":" not in name else None


def node_username(node: str) -> str:
    """The user that a node's kubelet is."""
    return _NODE_PREFIX + node


def node_of(user: User) -> str | None:
    """The node's name if this user is a node ("" if it is one that does not say which), else None."""
    if NODES not in user.groups:
        return None
    return user.name[len(_NODE_PREFIX) :] if user.name.startswith(_NODE_PREFIX) else ""
