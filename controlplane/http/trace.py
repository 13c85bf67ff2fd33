# SPDX-License-Identifier: Apache-2.0
"""What is known of a request by the time that it is answered: for the log, the metrics and the audit."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from controlplane.auth.audit import Entry
from controlplane.http.headers import printable, user_agent
from controlplane.http.metrics import Served
from controlplane.request import ANONYMOUS, Attributes, Decision, User

_LOG: Final = logging.getLogger(__name__)
_UNDECIDED: Final = Decision(reason="refused before authorization")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(slots=True)
class Trace:
    """One request. is_known: the resource exists, so that its name may become a label (others could be invented).

    notes are what admission leaves for the audit log.
    """

    request: web.BaseRequest
    attributes: Attributes | None = None
    decision: Decision = _UNDECIDED
    impersonator: User | None = None
    is_known: bool = False
    is_long: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    received: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.began

    @property
    def served(self) -> Served:
        """In the labels of the metrics."""
        asked = self.attributes
        if asked is None or not self.is_known:
            return Served(self.request.method if self.request.method in _METHODS else "OTHER")
        scope = "resource" if asked.name else "namespace" if asked.namespace else "cluster"
        return Served(
            asked.verb.upper(), asked.group, asked.version, asked.resource, asked.subresource, scope
        )

    def log(self, code: int) -> None:
        """One line for each request."""
        asked = self.attributes
        _LOG.info(
            "verb=%s path=%s user=%r code=%d latency=%.1fms agent=%r",
            asked.verb if asked else self.request.method.lower(),
            printable(self.request.raw_path[:500]),
            asked.user.name if asked else "-",
            code,
            self.seconds * 1000,
            user_agent(self.request)[:100],
        )

    def to_entry(self, code: int) -> Entry:
        """For the audit log."""
        raw_path = printable(self.request.raw_path)
        unknown = Attributes(ANONYMOUS, self.request.method.lower(), raw_path.partition("?")[0])
        return Entry(
            self.attributes or unknown,
            raw_path,
            self.decision,
            code,
            self.received,
            self.received + self.seconds,
            source=self.request.remote or "",
            agent=user_agent(self.request),
            impersonator=self.impersonator,
            notes=self.notes,
        )
