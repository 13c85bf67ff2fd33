# SPDX-License-Identifier: Apache-2.0
"""The audit log: audit.k8s.io/v1 Events at level Metadata, one JSON object a line, in files of bounded size.

Bodies are never logged, so no Secret and no token comes into it; query parameters that may carry one are blanked. Which
requests are logged is audit_policy.py's.
"""

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from controlplane.auth.audit_policy import DEFAULT, Rule, logs
from controlplane.auth.reviews import user_info
from controlplane.auth.times import written_exactly
from controlplane.request import Attributes, Decision, User

Json = dict[str, Any]
_LOG = logging.getLogger(__name__)
_MODE: Final = 0o600
_BLANKED: Final = frozenset({"token", "access_token", "authorization"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered request. uri is path and query; received and answered are seconds since 1970.

    impersonator is the caller when attributes.user is somebody it acts as. notes are admission's annotations.
    """

    attributes: Attributes
    uri: str
    decision: Decision
    code: int
    received: float
    answered: float
    source: str = ""
    agent: str = ""
    impersonator: User | None = None
    stage: str = "ResponseComplete"
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is full (bytes), and how many full ones are kept: audit.log.1 is the newest."""

    size: int = 32 << 20
    keep: int = 4


def event_of(entry: Entry, audit_id: str) -> Json:
    """The Event."""
    caller, acted = (entry.attributes.user, None)
    if entry.impersonator:
        caller, acted = entry.impersonator, entry.attributes.user
    event: Json = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": audit_id,
        "stage": entry.stage,
        "requestURI": blanked(entry.uri),
        "verb": entry.attributes.verb,
        "user": user_info(caller),
        "impersonatedUser": user_info(acted) if acted else None,
        "sourceIPs": [entry.source] if entry.source else None,
        "userAgent": entry.agent or None,
        "objectRef": _object_reference(entry.attributes),
        "responseStatus": {"metadata": {}, "code": entry.code},
        "requestReceivedTimestamp": written_exactly(entry.received),
        "stageTimestamp": written_exactly(entry.answered),
        "annotations": {
            "authorization.k8s.io/decision": "allow" if entry.decision.allowed else "forbid",
            "authorization.k8s.io/reason": entry.decision.reason,
            **entry.notes,
        },
    }
    return {key: value for key, value in event.items() if value is not None}


def blanked(uri: str) -> str:
    """The URI without the values of parameters that may be secret."""
    parts = urlsplit(uri)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not any(key.lower() in _BLANKED for key, _ in query):
        return uri
    kept = [(key, "" if key.lower() in _BLANKED else value) for key, value in query]
    return urlunsplit(parts._replace(query=urlencode(kept)))


class AuditLog:
    """Appends. A full or broken disk costs log lines, which are counted, and never a request."""

    def __init__(self, path: Path, rotation: Rotation | None = None, rules: Sequence[Rule] = DEFAULT) -> None:
        """The file is opened at the first line; one process writes it. rules say which requests it gets."""
        self._path, self._rules = path, rules
        self._rotation = rotation or Rotation()
        self._file: int | None = None
        self._size = 0
        self._working = True
        self.lost = 0

    def write(self, entry: Entry) -> None:
        """Log the request if the policy says so."""
        if not logs(self._rules, entry.attributes):
            return
        line = msgspec.json.encode(event_of(entry, str(uuid.uuid4()))) + b"\n"
        try:
            self._append(line)
            self._working = True
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Let go of the file; a later write opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, line: bytes) -> None:
        if self._file is not None and self._size + len(line) > self._rotation.size:
            self.close()
            self._rotate()
        if self._file is None:
            self._file = self._open()
        # A file opened again may be full already: it takes one line more.
        self._size += os.write(self._file, line)

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        self._size = os.fstat(file).st_size
        return file

    def _rotate(self) -> None:
        names: Sequence[Path] = [self._path, *(self._numbered(n) for n in range(1, self._rotation.keep + 1))]
        for older, newer in reversed(list(zip(names[1:], names[:-1], strict=True))):
            if newer.exists():
                newer.replace(older)
        if not self._rotation.keep:
            self._path.unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _give_up(self, error: OSError) -> None:
        if self._working:
            _LOG.error(
                "cannot write audit log %s: %s; lines are lost until it works again", self._path, error
            )
        self._working = False
        self.lost += 1


def _object_reference(attributes: Attributes) -> Json | None:
    if not attributes.is_resource:
        return None
    reference = {
        "resource": attributes.resource,
        "namespace": attributes.namespace,
        "name": attributes.name,
        "apiGroup": attributes.group,
        "apiVersion": attributes.version,
        "subresource": attributes.subresource,
    }
    return {key: value for key, value in reference.items() if value}
