# SPDX-License-Identifier: Apache-2.0
"""What Kubernetes accepts as a name of this or that: a rule a kind of name, each with the words that state it.

The patterns and lengths are those of k8s.io/apimachinery (util/validation), which every client relies on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kube.problem import FieldProblem, Path, invalid, required, too_long

LABEL_LENGTH: Final = 63
SUBDOMAIN_LENGTH: Final = 253
PORT_NAME_LENGTH: Final = 15
ANNOTATIONS_SIZE: Final = 256 * 1024

_LABEL_REST: Final = r"[-a-z0-9]*[a-z0-9]"
_LABEL: Final = re.compile(rf"[a-z0-9](?:{_LABEL_REST})?")
_SUBDOMAIN: Final = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_QUALIFIED: Final = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_ENV: Final = re.compile(r"[ -<>-~]+")
_PORT: Final = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_UID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class NameRule:
    """One kind of name: `accepted` says in words what `fits` tests."""

    accepted: str
    fits: Callable[[str], bool]

    def check(self, path: Path, name: str | None) -> list[FieldProblem]:
        """The problem of this name at this path, if any; an empty one counts as missing."""
        if not name:
            return [required(path, self.accepted)]
        return [] if self.fits(name) else [invalid(path, name, self.accepted)]


def _pattern(pattern: re.Pattern[str], longest: int) -> Callable[[str], bool]:
    return lambda name: len(name) <= longest and pattern.fullmatch(name) is not None


def _is_label_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return (not slash or _is_subdomain(prefix)) and _is_label_name(name)


_is_subdomain = _pattern(_SUBDOMAIN, SUBDOMAIN_LENGTH)
_is_label_name = _pattern(_QUALIFIED, LABEL_LENGTH)

DNS_LABEL: Final = NameRule(
    'a lowercase RFC 1123 label: at most 63 characters, lower-case letters, digits and "-", no "-" at either end',
    _pattern(_LABEL, LABEL_LENGTH),
)
DNS_SUBDOMAIN: Final = NameRule(
    'a lowercase RFC 1123 subdomain: at most 253 characters, lower-case letters, digits, "-" and ".", '
    "each part beginning and ending with a letter or digit",
    _is_subdomain,
)
DNS_1035_LABEL: Final = NameRule(
    'a DNS-1035 label: at most 63 characters, lower-case letters, digits and "-", beginning with a letter, '
    'no "-" at the end',
    _pattern(re.compile(rf"[a-z](?:{_LABEL_REST})?"), LABEL_LENGTH),
)
PATH_SEGMENT: Final = NameRule(
    'any text without "/" and "%" other than "." and ".."',
    lambda name: name not in (".", "..") and not set(name) & set("/%"),
)
ENV_NAME: Final = NameRule('printable ASCII characters other than "="', _pattern(_ENV, 1 << 20))
PORT_NAME: Final = NameRule(
    'at most 15 characters, lower-case letters, digits and single "-" inside, at least one letter',
    _pattern(_PORT, PORT_NAME_LENGTH),
)
LABEL_KEY: Final = NameRule(
    'a name of at most 63 letters, digits, "-", "_" and ".", beginning and ending with a letter or digit, '
    "with or without a DNS name and a slash before it, such as example.com/tier",
    _is_label_key,
)
LABEL_VALUE: Final = NameRule(
    'nothing, or at most 63 letters, digits, "-", "_" and ".", beginning and ending with a letter or digit',
    lambda value: not value or _is_label_name(value),
)
ANNOTATION_KEY: Final = NameRule(LABEL_KEY.accepted, lambda key: _is_label_key(key.lower()))
UID: Final = NameRule(
    "a UUID in lower case, such as 0b0c9d3e-7f0a-4a37-9a54-6f1d3f1f0c11",
    lambda uid: _UID.fullmatch(uid) is not None,
)


def check_labels(path: Path, labels: Mapping[str, str] | None) -> list[FieldProblem]:
    """The problems of a map of labels, keys and values."""
    problems: list[FieldProblem] = []
    for key, value in (labels or {}).items():
        problems += LABEL_KEY.check((*path, key), key)
        if not LABEL_VALUE.fits(value):
            problems.append(invalid((*path, key), value, LABEL_VALUE.accepted))
    return problems


def check_annotations(path: Path, annotations: Mapping[str, str] | None) -> list[FieldProblem]:
    """The problems of a map of annotations: their keys, and their size together."""
    problems: list[FieldProblem] = []
    size = 0
    for key, value in (annotations or {}).items():
        problems += ANNOTATION_KEY.check((*path, key), key)
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_SIZE:
        problems.append(too_long(path, ANNOTATIONS_SIZE))
    return problems
