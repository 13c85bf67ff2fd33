# SPDX-License-Identifier: Apache-2.0
"""What a controller wants done, as values: plans are lists of these, apply.py performs them."""

from dataclasses import dataclass
from typing import Any

from kube.client import PatchType
from kube.events import Happening
from kube.kinds import Kind

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Create:
    """Make an object. told_to gets an Event about how it went, where one is wanted."""

    kind: Kind
    obj: Json
    told_to: Json | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Replace an object, or its subresource; its resourceVersion makes a stale write fail."""

    kind: Kind
    obj: Json
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """Change an object by a patch; that it is gone is fine."""

    kind: Kind
    name: str
    namespace: str
    patch: Any
    subresource: str = ""
    type: PatchType = PatchType.MERGE


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove this very object (its uid is checked); that it is gone is fine.

    only_if_unchanged also wants its resourceVersion to be still the one that the plan saw.
    """

    kind: Kind
    obj: Json
    told_to: Json | None = None
    propagation: str = ""
    grace_seconds: int | None = None
    only_if_unchanged: bool = False


Operation = Create | Update | Patch | Delete | Happening
