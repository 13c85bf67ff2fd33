# SPDX-License-Identifier: Apache-2.0
"""What the engine has to know of a kind: its names, its model, its columns, and where it differs from the rest.

A kind is one small file that ends in a Resource value; everything that can be derived from the model is not here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controlplane.errors import Cause
from controlplane.request import User
from kube.names import DNS_SUBDOMAIN, NameRule

Json = dict[str, Any]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a server-side Table. value gets the object in its storage version; "<none>" and ages are its own.

    type is string, integer, number, boolean or date; format may be "name". priority 0 is always shown, 1 with -o wide.
    """

    name: str
    value: Callable[[Json], object]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Subresource:
    """A subresource as discovery tells it; kind is "" for the resource's own, group and version likewise."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


class Strategy:
    """How writes of a kind are prepared and checked; the defaults suit a kind with metadata, spec and status.

    Every method gets plain data of the storage version; prepare_* and set_defaults change it in place.
    """

    # What a name of this kind looks like.
    name_rule: NameRule = DNS_SUBDOMAIN
    # Whether PUT of a name that is not there creates it (leases, endpoints and others allow it).
    creates_on_update = False
    # Whether the kind counts metadata.generation by changes of spec.
    has_generation = False

    def set_defaults(self, obj: Json) -> None:
        """Fill in what the API documents as default. Must be idempotent."""

    def prepare_create(self, obj: Json) -> None:
        """After the mutating plugins of a create, before the validating ones and `validate`.

        metadata has its name and uid already. Clients do not set status, generation begins at 1.
        """
        obj.pop("status", None)
        if self.has_generation:
            obj["metadata"]["generation"] = 1

    def note_creator(self, obj: Json, user: User) -> None:
        """After prepare_create: what the server itself writes down of who creates (certificate requests)."""

    def prepare_update(self, obj: Json, old: Json) -> None:
        """At the same place of an update of the main resource: status stays the old one, generation counts spec."""
        if "status" in old:
            obj["status"] = old["status"]
        else:
            obj.pop("status", None)
        if self.has_generation:
            generation = old["metadata"].get("generation", 1)
            changed = obj.get("spec") != old.get("spec")
            obj["metadata"]["generation"] = generation + 1 if changed else generation

    def prepare_status(self, obj: Json, old: Json) -> None:
        """Before an update of the status subresource: only status (and metadata's managed parts) changes."""
        status = obj.get("status", {})
        metadata = obj["metadata"]
        obj.clear()
        obj.update(old)
        obj["metadata"] = {**old["metadata"], "managedFields": metadata.get("managedFields", [])}
        obj["status"] = status

    def prepare_subresource(self, name: str, obj: Json, old: Json) -> None:
        """Before an update through a subresource that takes the whole object: status, approval, finalize, resize...

        What the subresource may not change is put back to what it was, as prepare_status does.
        """
        if name != "status":
            raise KeyError(f"no rule for the subresource {name!r}")
        self.prepare_status(obj, old)

    def validate(self, obj: Json) -> Iterable[Cause]:
        """Rules of the kind, for create and update alike; metadata is checked by the engine."""
        return ()

    def validate_create(self, obj: Json) -> Iterable[Cause]:
        """Rules of a new object only, besides `validate`."""
        return ()

    def validate_update(self, obj: Json, old: Json) -> Iterable[Cause]:
        """Rules of a change: what is immutable."""
        return ()

    def validate_subresource(self, name: str, obj: Json, old: Json) -> Iterable[Cause]:
        """Rules of a change through a subresource, after prepare_subresource; instead of the other two."""
        return ()

    def fields(self, obj: Json) -> Mapping[str, str]:
        """Selectable fields besides metadata.name and metadata.namespace.

        The keys are always the same, also for {}: another label in a field selector is refused.
        """
        return {}

    def begin_deletion(self, obj: Json) -> None:
        """When metadata.deletionTimestamp is set for the first time and the object stays for a while."""

    def is_held(self, obj: Json) -> bool:
        """Whether something besides metadata.finalizers keeps a deleted object (a namespace's spec.finalizers)."""
        return False

    def grace_seconds(self, obj: Json, asked: int | None) -> int:
        """How long a delete waits for the object's own end; 0 removes it at once (all kinds but pods)."""
        return 0


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where the subresource scale finds its numbers; see controlplane.registry.scale."""

    replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    # A LabelSelector, or a plain map of labels (ReplicationController).
    selector: tuple[str, ...] = ("spec", "selector")


@dataclass(frozen=True, slots=True)
class Resource:
    """A registered kind. model is lightkube's struct of it; its list kind is kind + "List"."""

    group: str
    version: str
    kind: str
    plural: str
    model: type[msgspec.Struct]
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    columns: tuple[Column, ...] = ()
    strategy: Strategy = field(default_factory=Strategy)
    # Several API versions or groups over one store (events.k8s.io over core events): "group/plural" of the keys.
    storage: str = ""
    # Between this version and the storage version, each giving a new object; None where they are the same.
    # The strategy and the columns get the storage version.
    to_storage: Callable[[Json], Json] | None = None
    from_storage: Callable[[Json], Json] | None = None
    # None: there is no subresource scale.
    scale: ScalePaths | None = None

    @property
    def api_version(self) -> str:
        """As in objects: "v1" or "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage_prefix(self) -> str:
        """The first two parts of the store's keys: "/core/pods/"."""
        return f"/{self.storage}/" if self.storage else f"/{self.group or 'core'}/{self.plural}/"

    def key(self, namespace: str, name: str) -> str:
        """The store's key of one object."""
        return f"{self.storage_prefix}{namespace}/{name}"
