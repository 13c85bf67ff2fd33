# SPDX-License-Identifier: Apache-2.0
"""Sends made-up requests and judges the answers: a Status below 500, or success; soon; and the server lives."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.apiclient import ApiClient
from tests.support.apiserver import Answer
from tests.support.fuzz_requests import Fuzzer, Operation, Request, operations
from tests.support.minimal_objects import STORED, minimal

Json = dict[str, Any]

_HEADERS_OUT: Final = ("Warning", "Content-Type")


@dataclass(slots=True)
class Report:
    """Codes that were answered, and what must not be."""

    codes: dict[int, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def documents(admin: ApiClient) -> list[Json]:
    """Our OpenAPI v3, a document of each group and version."""
    index = admin.get("/openapi/v3").json["paths"]
    return [admin.get(entry["serverRelativeURL"]).json for _, entry in sorted(index.items())]


def samples(admin: ApiClient) -> dict[str, Json]:
    """One object of each stored kind, which is created, too; by plural."""
    made = {}
    for key in STORED:
        group, version, plural = key
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        kinds = {entry["name"]: entry for entry in admin.get(root).json["resources"]}
        made[plural] = obj = minimal(key, kinds[plural]["kind"])
        if plural == "certificatesigningrequests":
            obj["spec"]["request"] = b64encode(_certificate_request()).decode()
        scope = "/namespaces/default" if kinds[plural]["namespaced"] else ""
        answer = admin.post(f"{root}{scope}/{plural}", obj)
        assert answer.code in (201, 409), answer.body
    return made


def _certificate_request() -> bytes:
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(names)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def fuzz(admin: ApiClient, documents: list[Json], samples: dict[str, Json], seed: int, count: int) -> Report:
    """count requests for operations by turns; the same seed asks the same."""
    random, report = Random(seed), Report()
    fuzzer = Fuzzer(random, samples)
    every = [operation for document in documents for operation in operations(document)]
    for number in range(count):
        operation = every[(number * 7919 + seed) % len(every)]
        request = fuzzer.request(operation)
        _send(admin, operation, request, report)
        if number % 500 == 499:
            again = _again(admin, samples)
            if again:
                report.faults.append(again)
    return report


def _again(admin: ApiClient, samples: dict[str, Json]) -> str:
    """The namespace may be gone by now: what later requests are about has to be there."""
    answer = admin.get("/readyz?verbose")
    return "" if answer.code == 200 else f"readyz: {answer.body!r}"


def _send(admin: ApiClient, operation: Operation, request: Request, report: Report) -> None:
    try:
        answer = admin.raw(request.method, request.target, request.headers, request.body)
    except OSError as error:
        report.faults.append(f"{error!r}: {_shown(request)}")
        return
    report.codes[answer.code] = report.codes.get(answer.code, 0) + 1
    if why := judge(answer, request):
        report.faults.append(f"{why}: {_shown(request)} -> {answer.code} {answer.body[:600]!r}")


def judge(answer: Answer, request: Request) -> str:
    """What is wrong with an answer, "" if nothing."""
    if answer.code < 400 or request.method == "HEAD":
        return "" if answer.code < 500 else "a fault"
    try:
        status = json.loads(answer.body)
        told = (status["kind"], status["apiVersion"], status["status"], status["code"])
    except (ValueError, KeyError, TypeError):
        return "no Status"
    if told != ("Status", "v1", "Failure", answer.code):
        return "another Status"
    if answer.code < 500:
        return ""
    # client-go tests for this cause: the server may get there.
    causes = [cause.get("reason") for cause in status.get("details", {}).get("causes", [])]
    return "" if answer.code == 504 and causes == ["ResourceVersionTooLarge"] else "a fault"


def _shown(request: Request) -> str:
    headers = {name: value[:80] for name, value in request.headers.items()}
    return f"{request.method} {request.target[:200]} {headers} {(request.body or b'')[:1500]!r}"
