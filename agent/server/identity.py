# SPDX-License-Identifier: Apache-2.0
"""Who asks and what for, as values: users, and the attributes by which an API server decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has proved who they are."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked: a verb on a subresource of this node, of which any of `subresources` is enough."""

    verb: str
    subresources: tuple[str, ...]


_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# By the beginning of the path, as in the kubelet (pkg/kubelet/server/auth.go); what is finer comes before proxy, which
# allows everything.
_SUBRESOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/stats", ("stats",)),
    ("/metrics", ("metrics",)),
    ("/logs", ("log",)),
    ("/checkpoint", ("checkpoint",)),
    ("/pods", ("pods", "proxy")),
    ("/runningpods", ("pods", "proxy")),
    ("/healthz", ("healthz", "proxy")),
    ("/configz", ("configz", "proxy")),
)


def access(method: str, path: str) -> Access | None:
    """What a request asks for; None for a method that has no verb."""
    verb = _VERBS.get(method)
    if verb is None:
        return None
    found = (names for prefix, names in _SUBRESOURCES if path == prefix or path.startswith(f"{prefix}/"))
    return Access(verb, next(found, ("proxy",)))


def of_certificate(subject: Any) -> User | None:
    """The user of a client certificate's subject, as ssl gives it: the common name, and the organizations as groups."""
    names: dict[str, list[str]] = {}
    for part in subject or ():
        for kind, value in part:
            names.setdefault(kind, []).append(value)
    if not names.get("commonName"):
        return None
    return User(names["commonName"][0], (*names.get("organizationName", ()), AUTHENTICATED))


def of_review(status: Mapping[str, Any]) -> User:
    """The user of a TokenReview's status."""
    user = status.get("user") or {}
    extra = tuple((key, tuple(values)) for key, values in sorted((user.get("extra") or {}).items()))
    return User(
        str(user.get("username", "")), tuple(user.get("groups") or ()), str(user.get("uid", "")), extra
    )
