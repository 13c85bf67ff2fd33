# SPDX-License-Identifier: Apache-2.0
"""Which discovery document a path and an Accept header mean."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controlplane.discovery import aggregated, documents
from controlplane.http.media import clauses, negotiate
from controlplane.registry.registry import Registry

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A discovery document, encoded."""

    body: bytes
    content_type: str = "application/json"


@dataclass(slots=True)
class Discovery:
    """All documents of a registry; address is where clients find this server (host:port)."""

    registry: Registry
    address: str = ""
    _made: dict[tuple[str, ...], Document | None] = field(default_factory=dict)

    def find(self, parts: tuple[str, ...], accept: str) -> Document | None:
        """The document of a path, given as its parts; None when there is none. Raises ApiError 406."""
        if parts in (("api",), ("apis",)) and (version := _wanted(accept)):
            return self._keep(
                (*parts, version),
                lambda: aggregated.discovery(self.registry, version, core=parts == ("api",)),
                aggregated.content_type(version),
            )
        negotiate(accept)
        return self._keep(parts, lambda: self._plain(parts))

    def _plain(self, parts: tuple[str, ...]) -> Json | None:
        match parts:
            case ("api",):
                return documents.api_versions(self.registry, self.address)
            case ("apis",):
                return documents.api_groups(self.registry)
            case ("apis", group):
                return documents.api_group(self.registry, group)
            case ("api", version):
                return documents.api_resources(self.registry, "", version)
            case ("apis", group, version) if group:
                return documents.api_resources(self.registry, group, version)
        return None

    def _keep(
        self, mark: tuple[str, ...], make: Callable[[], Json | None], kind: str = "application/json"
    ) -> Document | None:
        """Documents are made once: a registry does not change. What is not there is not remembered."""
        if mark not in self._made:
            data = make()
            if data is None:
                return None
            self._made[mark] = Document(msgspec.json.encode(data), kind)
        return self._made[mark]


def _wanted(accept: str) -> str:
    """The version of aggregated discovery that the client likes best, "" for the plain lists."""
    for clause in clauses(accept):
        if clause.type != "application/json":
            continue
        parameters = clause.parameters
        if not parameters.get("as"):
            return ""
        if (parameters.get("as"), parameters.get("g")) == (aggregated.KIND, aggregated.GROUP):
            version = parameters.get("v", "")
            if version in aggregated.VERSIONS:
                return version
    return ""
