# SPDX-License-Identifier: Apache-2.0
"""What one request asks of a verb, as a value: who, what, and the options of the query."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from controlplane.registry.resource import Resource, Subresource
from controlplane.request import Admission, Attributes, Operation

Json = dict[str, Any]


class FieldValidation(StrEnum):
    """What happens to unknown and doubled fields of a body."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """CreateOptions, UpdateOptions and PatchOptions; force is for server-side apply, None when not said."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: FieldValidation = FieldValidation.WARN
    force: bool | None = None


PLAIN: Final = WriteOptions()


@dataclass(frozen=True, slots=True)
class Call:
    """One request. namespace is "" for cluster-scoped resources, also where attributes have one for RBAC.

    warnings are collected on the way and go to the client as headers; notes go into the audit log.
    """

    resource: Resource
    attributes: Attributes
    namespace: str = ""
    name: str = ""
    subresource: Subresource | None = None
    options: WriteOptions = PLAIN
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The store's key of the named object."""
        return self.resource.key(self.namespace, self.name)

    @property
    def prefix(self) -> str:
        """The store's range of a collection: a namespace's, or all."""
        return self.resource.key(self.namespace, "") if self.namespace else self.resource.storage_prefix

    @property
    def manager(self) -> str:
        """Who owns the fields of this write: as said, or the client program's name, as Kubernetes does."""
        return self.options.field_manager or self.user_agent.split("/", 1)[0][:128] or "unknown"

    def admission(self, operation: Operation, obj: Json | None, old: Json | None) -> Admission:
        """The question to the admission plugins, which add their warnings and notes to the call's."""
        return Admission(
            self.attributes,
            operation,
            self.resource.kind,
            obj,
            old,
            self.options.dry_run,
            warnings=self.warnings,
            audit_annotations=self.notes,
        )
