# SPDX-License-Identifier: Apache-2.0
"""What the API answers when it refuses: metav1.Status values, raised as exceptions and rendered at the HTTP door.

Reasons and codes are those of k8s.io/apimachinery's metav1 (StatusReason...), which clients test for.
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class ConfigError(Exception):
    """The configuration cannot be used; the message says what, why and what to do."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason among several: field is a path such as spec.containers[0].image, reason a CauseType."""

    reason: str
    message: str
    field: str = ""

    def to_data(self) -> Json:
        """As in StatusDetails.causes."""
        data = {"reason": self.reason, "message": self.message, "field": self.field}
        return {key: value for key, value in data.items() if value}


class ApiError(Exception):
    """A refusal: HTTP code, StatusReason, message for people, and details for programs."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        group: str = "",
        kind: str = "",
        name: str = "",
        uid: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: int = 0,
    ) -> None:
        """Kind in details is the resource's plural or kind, as the Kubernetes API has it for this reason."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = {"name": name, "group": group, "kind": kind, "uid": uid}
        self.causes = causes
        self.retry_after = retry_after

    def to_status(self) -> Json:
        """The metav1.Status body."""
        details: Json = {key: value for key, value in self.details.items() if value}
        if self.causes:
            details["causes"] = [cause.to_data() for cause in self.causes]
        if self.retry_after:
            details["retryAfterSeconds"] = self.retry_after
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        return {**status, "details": details} if details else status


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404: `pods "web" not found`."""
    return ApiError(
        404,
        "NotFound",
        f'{_qualified(group, plural)} "{name}" not found',
        group=group,
        kind=plural,
        name=name,
    )


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """409: `pods "web" already exists`."""
    text = f'{_qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, group=group, kind=plural, name=name)


def conflict(group: str, plural: str, name: str, why: str) -> ApiError:
    """409: somebody else wrote in between."""
    text = f'Operation cannot be fulfilled on {_qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", text, group=group, kind=plural, name=name)


def invalid(group: str, kind: str, name: str, causes: tuple[Cause, ...]) -> ApiError:
    """422: fields that break a rule; kind here is the Kind, not the plural."""
    told = ", ".join(f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes)
    text = f'{f"{kind}.{group}" if group else kind} "{name}" is invalid: {told if len(causes) == 1 else f"[{told}]"}'
    return ApiError(422, "Invalid", text, group=group, kind=kind, name=name, causes=causes)


def bad_request(message: str) -> ApiError:
    """400: the request itself makes no sense."""
    return ApiError(400, "BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    """401: who are you?"""
    return ApiError(401, "Unauthorized", message)


def forbidden(group: str, plural: str, name: str, why: str) -> ApiError:
    """403: you may not; why begins with what was tried."""
    text = (
        f'{_qualified(group, plural)} "{name}" is forbidden: {why}'
        if name
        else f"{_qualified(group, plural)} is forbidden: {why}"
    )
    return ApiError(403, "Forbidden", text, group=group, kind=plural, name=name)


def method_not_supported(group: str, plural: str, verb: str) -> ApiError:
    """405: this resource does not have this verb."""
    text = f'{verb} is not supported on resources of kind "{_qualified(group, plural)}"'
    return ApiError(405, "MethodNotAllowed", text, group=group, kind=plural)


def unsupported_media_type(message: str) -> ApiError:
    """415: a body of a kind that is not read here."""
    return ApiError(415, "UnsupportedMediaType", message)


def expired(message: str) -> ApiError:
    """410: that resourceVersion or continue token is too old; list again."""
    return ApiError(410, "Expired", message)


def _qualified(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural
