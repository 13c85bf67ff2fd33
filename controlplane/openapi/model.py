# SPDX-License-Identifier: Apache-2.0
"""What the API can be asked, before it is written down in either version of OpenAPI."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or with `place` "path" of the path. type is string, integer or boolean."""

    name: str
    description: str
    type: str = "string"
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Kind:
    """A group, version and kind; group "" is core."""

    group: str
    version: str
    kind: str

    def to_data(self) -> dict[str, str]:
        """As in x-kubernetes-group-version-kind."""
        return {"group": self.group, "kind": self.kind, "version": self.version}


Model = type[msgspec.Struct]


@dataclass(frozen=True, slots=True)
class Operation:
    """One HTTP method of a path. action is what the method does there (x-kubernetes-action).

    consumes are the media types of a body; body is its model, None where a body of these types is a patch. answer
    is the model of success, None for text. codes are those of success.
    """

    method: str
    action: str
    id: str
    description: str
    kind: Kind | None
    parameters: tuple[Parameter, ...] = ()
    consumes: tuple[str, ...] = ()
    body: Model | None = None
    answer: Model | None = None
    codes: tuple[int, ...] = (200,)


@dataclass(frozen=True, slots=True)
class Route:
    """A path with its parameters and operations."""

    path: str
    parameters: tuple[Parameter, ...]
    operations: tuple[Operation, ...]
