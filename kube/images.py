# SPDX-License-Identifier: Apache-2.0
"""References to container images ("registry.example:5000/team/app:1.2"), by distribution/reference's grammar."""

import re
from dataclasses import dataclass
from typing import Final

from kube.errors import ImageReferenceError
from kube.problem import shorten

ACCEPTED: Final = (
    "[registry[:port]/]name[:tag][@digest] with the name in lower case, "
    "such as docker.io/library/busybox:1.36"
)

_LONGEST_NAME: Final = 255
_LONGEST_REFERENCE: Final = 1024
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST_LABEL: Final = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_HOST: Final = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE: Final = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?"
)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """The parts of a reference as they were written; tag and digest are "" when there is none."""

    name: str
    tag: str
    digest: str

    @property
    def is_latest(self) -> bool:
        """Whether it is tagged "latest", in words or by having neither tag nor digest."""
        return self.tag == "latest" or not (self.tag or self.digest)


def parse_image(text: str) -> ImageReference:
    """Read a reference; raises ImageReferenceError, which says what is wrong and what is accepted."""
    match = _REFERENCE.fullmatch(text) if len(text) <= _LONGEST_REFERENCE else None
    if not match or len(match["name"]) > _LONGEST_NAME:
        shown = shorten(text)
        raise ImageReferenceError(
            f"cannot read image reference {shown!r}: {_fault(text)}; accepted: {ACCEPTED}"
        )
    return ImageReference(match["name"], match["tag"] or "", match["digest"] or "")


def _fault(text: str) -> str:
    """The likeliest reason, for the person who wrote it."""
    if not text:
        return "it is empty"
    if len(text) > _LONGEST_NAME:
        return f"its name may have {_LONGEST_NAME} characters and the whole {_LONGEST_REFERENCE}"
    if any(character.isspace() for character in text):
        return "it contains white space"
    if "://" in text:
        return "it is a URL; leave the scheme out"
    rest, _, digest = text.partition("@")
    path, _, tag = rest.rpartition("/")[2].partition(":")
    if digest and not re.fullmatch(r"[^:]+:[0-9a-fA-F]{32,}", digest):
        return f"{digest!r} is no digest such as sha256:<64 hexadecimal digits>"
    if ":" in rest.rpartition("/")[2] and not re.fullmatch(r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}", tag):
        return f"{tag!r} is no tag"
    return "the name has upper-case letters" if path != path.lower() else "the name is not well-formed"


def pull_policy(image: str) -> str:
    """Always for the tag "latest", named or implied; else IfNotPresent."""
    try:
        return "Always" if parse_image(image).is_latest else "IfNotPresent"
    except ImageReferenceError:
        return "IfNotPresent"
