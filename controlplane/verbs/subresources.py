# SPDX-License-Identifier: Apache-2.0
"""Subresources that are not the whole object: each has its own file and answers some of four verbs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from controlplane.engine import Engine
from controlplane.verbs.call import Call
from controlplane.verbs.patch import Patcher
from controlplane.verbs.stored import Stored

Json = dict[str, Any]
Answer = Stored | Json


@dataclass(frozen=True, slots=True)
class Special:
    """A subresource with an object of its own; None where discovery tells of no such verb."""

    get: Callable[[Engine, Call], Awaitable[Answer]] | None = None
    create: Callable[[Engine, Call, Any], Awaitable[Answer]] | None = None
    update: Callable[[Engine, Call, Any], Awaitable[Answer]] | None = None
    patch: Callable[[Engine, Call, Patcher | None, Any], Awaitable[Answer]] | None = None
