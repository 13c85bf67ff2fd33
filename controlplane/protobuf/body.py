# SPDX-License-Identifier: Apache-2.0
"""A request's body in application/vnd.kubernetes.protobuf: four bytes, then the message runtime.Unknown.

Facts: Unknown has typeMeta = 1 (apiVersion = 1, kind = 2), raw = 2, contentEncoding = 3, contentType = 4
(k8s.io/apimachinery/pkg/runtime/generated.proto).
"""

from typing import Any, Final

from controlplane.errors import ApiError, bad_request, unsupported_media_type
from controlplane.protobuf.errors import WireError
from controlplane.protobuf.leaves import scalar
from controlplane.protobuf.messages import decode_message
from controlplane.protobuf.tables import message
from controlplane.protobuf.wire import Budget, read

Json = dict[str, Any]

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"


def decode(body: bytes) -> Json:
    """The object in a body, with apiVersion and kind.

    A field that this server does not know is kept as {"protobuf field <number>": true} where it was found. Raises
    ApiError: 400 for bytes that are no such body, 415 for a kind that is only read as JSON.
    """
    if not body.startswith(_MAGIC):
        raise bad_request(f"cannot read the body: {MEDIA_TYPE} begins with the bytes {_MAGIC!r}")
    budget = Budget()
    try:
        api_version, kind, raw = _unwrap(body[len(_MAGIC) :], budget)
    except WireError as error:
        raise bad_request(f"cannot read the protobuf body: {error}") from error
    if not kind or not api_version:
        raise bad_request("cannot read the protobuf body: it does not say its apiVersion and kind")
    try:
        obj = decode_message(_message_of(api_version, kind), raw, budget)
    except WireError as error:
        raise bad_request(f"cannot read the protobuf body: {error.inside(kind)}") from error
    return {"kind": kind, "apiVersion": api_version, **obj}


def _unwrap(data: bytes, budget: Budget) -> tuple[str, str, bytes]:
    """The apiVersion, kind and message of an Unknown."""
    types = {1: "", 2: ""}
    raw, texts = b"", {3: "", 4: ""}
    for value in read(data, budget):
        if value.number == 1 and isinstance(value.content, bytes):
            types |= {
                each.number: scalar("string", each)
                for each in read(value.content, budget)
                if each.number in types
            }
        elif value.number == 2 and isinstance(value.content, bytes):
            raw = value.content
        elif value.number in texts:
            texts[value.number] = scalar("string", value)
    if texts[3]:
        raise WireError(f"the content encoding {texts[3]!r} is not read here")
    if texts[4] not in ("", MEDIA_TYPE):
        raise WireError(f"it holds {texts[4]!r}, send that as it is")
    return types[1], types[2], raw


def _message_of(api_version: str, kind: str) -> str:
    """The message of a kind; options of a delete come under the group of what is deleted, whichever that is."""
    if kind == "DeleteOptions":
        return "meta_v1.DeleteOptions"
    group, _, version = api_version.rpartition("/")
    name = f"{group.partition('.')[0] or 'core'}_{version}.{kind}"
    if message(name) is None or not _is_own(group):
        raise _no_table(api_version, kind)
    return name


def _is_own(group: str) -> bool:
    """Whether a group is one of Kubernetes': apps.example.com is not apps."""
    return "." not in group or group.endswith(".k8s.io")


def _no_table(api_version: str, kind: str) -> ApiError:
    return unsupported_media_type(
        f"cannot read {api_version} {kind} as protobuf: send it as application/json"
    )
