# SPDX-License-Identifier: Apache-2.0
"""Who asks for what: the values that authentication, authorization, admission, verbs and audit hand each other."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated user (authentication.k8s.io/v1 UserInfo)."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked, in the words of RBAC. For a path outside resources, resource is "" and path is the URL's.

    verb is get, list, watch, create, update, patch, delete, deletecollection, or the lower-case HTTP method for a
    path. group is "" for core. field_selector is the query's text for list, watch and deletecollection: the Node
    authorizer lets a node list the pods with spec.nodeName of its own.
    """

    user: User
    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether this is about a resource and not about a path such as /healthz."""
        return bool(self.resource)


@dataclass(frozen=True, slots=True)
class Decision:
    """An authorizer's answer; reason is for people and audit. Neither allowed nor denied: no opinion."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""


class Authorizer(Protocol):
    """Decides whether a request may go on."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Allow, deny, or have no opinion."""
        ...


class Operation(StrEnum):
    """What admission is asked about (admission.k8s.io Operation)."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


@dataclass(slots=True)
class Admission:
    """One write on its way in. Mutating plugins change `object` in place; a refusal is an ApiError raised.

    object is None for DELETE; old is None for CREATE. kind is the Kind of the resource. warnings go to the client,
    audit_annotations into the audit log. undo is what has to be called, last first, when nothing is written after
    all (controlplane.admission.chain does it).
    """

    attributes: Attributes
    operation: Operation
    kind: str
    object: Json | None
    old: Json | None = None
    dry_run: bool = False
    warnings: list[str] = field(default_factory=list)
    audit_annotations: dict[str, str] = field(default_factory=dict)
    undo: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


class Reader(Protocol):
    """Reading objects as plain data inside the server, past authorization, at the newest revision."""

    async def get(self, group: str, plural: str, namespace: str, name: str) -> Json | None:
        """The object with metadata.resourceVersion, or None. namespace is "" for cluster-scoped resources."""
        ...

    async def list(self, group: str, plural: str, namespace: str = "") -> list[Json]:
        """All objects of the resource, of one namespace or (with "") of all."""
        ...


class Writer(Protocol):
    """Writing inside the server, past authorization and admission."""

    async def update_status(self, group: str, plural: str, obj: Json) -> Json:
        """Replace the status of an object that is still at obj's metadata.resourceVersion; gives it as written.

        Raises ApiError: 409 Conflict when somebody wrote in between, 404 when it is gone.
        """
        ...


class Plugin(Protocol):
    """An admission plugin: mutates first (all plugins in order), validates then (all plugins in order)."""

    name: str

    async def mutate(self, admission: Admission) -> None:
        """Change admission.object in place where this plugin sets defaults; raise ApiError to refuse."""
        ...

    async def validate(self, admission: Admission) -> None:
        """Raise ApiError to refuse; nothing is changed here."""
        ...
