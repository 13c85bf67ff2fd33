# SPDX-License-Identifier: Apache-2.0
"""How writes of a CertificateSigningRequest are prepared and checked: a request, a decision, a certificate."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import ClassVar, Final

from controlplane.errors import Cause
from controlplane.registry.data import Json, items, look
from controlplane.registry.humanize import now
from controlplane.registry.strategy import KindStrategy, Problems, causes
from controlplane.request import User
from kube.names import DNS_SUBDOMAIN
from kube.problem import FieldProblem, duplicate, forbidden, invalid, refused, required, unsupported

USAGES: Final = (
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
    "any",
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "timestamping",
    "ocsp signing",
    "microsoft sgc",
    "netscape sgc",
)
_DECISIONS: Final = ("Approved", "Denied")
_SHORTEST: Final = 600
_REQUESTOR: Final = ("username", "uid", "groups", "extra")


class RequestStrategy(KindStrategy):
    """The request stays; approval changes conditions only, status what a signer does."""

    initial_status: ClassVar[Json | None] = {}
    immutable = (("spec",),)

    def note_creator(self, obj: Json, user: User) -> None:
        """The server says who asks, whatever the client wrote."""
        for field in _REQUESTOR:
            obj["spec"].pop(field, None)
        found = {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        }
        obj["spec"].update({field: value for field, value in found.items() if value})

    def prepare_subresource(self, name: str, obj: Json, old: Json) -> None:
        """Approval takes the conditions, status all but decisions; times of conditions are filled in."""
        if name not in ("approval", "status"):
            super().prepare_subresource(name, obj, old)
            return
        asked = deepcopy(obj.get("status") or {})
        conditions = items(asked, "conditions")
        self.prepare_status(obj, old)
        if name == "approval":
            status = {**(old.get("status") or {}), "conditions": conditions}
        else:
            decided = [c for c in items(old, "status", "conditions") if c.get("type") in _DECISIONS]
            status = {
                **asked,
                "conditions": [*decided, *(c for c in conditions if c.get("type") not in _DECISIONS)],
            }
        if not status["conditions"]:
            del status["conditions"]
        _set_times(status, old)
        obj["status"] = status

    def problems(self, obj: Json) -> Problems:
        """A PEM request, a signer, usages."""
        yield from _pem(look(obj, "spec", "request", default=""), "CERTIFICATE REQUEST", ("spec", "request"))
        yield from _signer(look(obj, "spec", "signerName", default=""))
        yield from _usages(items(obj, "spec", "usages"))
        seconds = look(obj, "spec", "expirationSeconds")
        if seconds is not None and seconds < _SHORTEST:
            yield refused(
                ("spec", "expirationSeconds"),
                seconds,
                f"may not specify a duration less than {_SHORTEST} seconds (10 minutes)",
            )

    def validate_subresource(self, name: str, obj: Json, old: Json) -> Iterable[Cause]:
        """A decision is taken once; a certificate is given once."""
        return causes([*_decision(obj, old), *_certificate(obj, old)])

    def fields(self, obj: Json) -> Mapping[str, str]:
        """By signer."""
        return {"spec.signerName": look(obj, "spec", "signerName", default="")}


def _set_times(status: Json, old: Json) -> None:
    before = {c.get("type"): c for c in items(old, "status", "conditions")}
    moment = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    for condition in items(status, "conditions"):
        condition.setdefault("lastUpdateTime", moment)
        known = before.get(condition.get("type"), {})
        same = known.get("status") == condition.get("status")
        kept = known.get("lastTransitionTime") if same else None
        condition.setdefault("lastTransitionTime", kept or moment)


def _decision(obj: Json, old: Json) -> Problems:
    kinds = [condition.get("type") for condition in items(obj, "status", "conditions")]
    path = ("status", "conditions")
    for kind in sorted({str(kind) for kind in kinds if kinds.count(kind) > 1}):
        yield duplicate(path, kind, "each condition once")
    if set(_DECISIONS) <= set(kinds):
        yield invalid(path, kinds, "Approved or Denied: they are mutually exclusive")
    for condition in items(old, "status", "conditions"):
        if condition.get("type") in _DECISIONS and condition["type"] not in kinds:
            yield forbidden(path, f"updates may not remove a condition of type {condition['type']!r}")


def _certificate(obj: Json, old: Json) -> Problems:
    path = ("status", "certificate")
    certificate, was = look(obj, *path), look(old, *path)
    if was and certificate != was:
        yield forbidden(path, "updates may not set certificate content once it is set")
    if certificate and certificate != was:
        yield from _pem(certificate, "CERTIFICATE", path)


def _pem(text: str, label: str, path: tuple[str, ...]) -> Problems:
    """Base64 of PEM with this label; whether it is good is the signer's to say."""
    if not text:
        yield required(path)
        return
    try:
        decoded = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if f"-----BEGIN {label}-----".encode() not in decoded:
        yield FieldProblem(path, "Invalid value: <...>", f"PEM of type {label}, in base64")


def _signer(name: str) -> Problems:
    domain, slash, path = name.partition("/")
    if not name:
        yield required(("spec", "signerName"))
    elif not (slash and path and DNS_SUBDOMAIN.fits(domain) and "." in domain):
        accepted = "a domain and a path, such as kubernetes.io/kube-apiserver-client"
        yield invalid(("spec", "signerName"), name, accepted)


def _usages(usages: list[str]) -> Problems:
    if not usages:
        yield required(("spec", "usages"), "at least one usage")
    for index, usage in enumerate(usages):
        if usage not in USAGES:
            yield unsupported(("spec", "usages", index), usage, USAGES)
        elif usage in usages[:index]:
            yield duplicate(("spec", "usages", index), usage, "each usage once")
