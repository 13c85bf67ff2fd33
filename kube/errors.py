# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the words that all components share."""

from http import HTTPStatus
from typing import Any


class KubeError(Exception):
    """Any failure of this package; its text is a sentence for the person who wrote the input."""


class QuantityError(KubeError, ValueError):
    """A text that is no Kubernetes quantity."""


class ImageReferenceError(KubeError, ValueError):
    """A text that is no reference to a container image."""


class SelectorError(KubeError, ValueError):
    """A text or object that is no label selector."""


class ConfigurationError(KubeError):
    """A kubeconfig, or another way to reach an API server, that cannot be used."""


class UnreachableError(KubeError):
    """The API server could not be asked, or its answer broke off; asking again later may help."""


class ApiStatusError(KubeError):
    """The API server refused: `code` is HTTP's, `reason` metav1's StatusReason, `status` the whole answer."""

    def __init__(self, code: int, reason: str, message: str, status: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.status = status or {}

    @property
    def is_not_found(self) -> bool:
        """What was asked for is not there."""
        return self.code == HTTPStatus.NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        """Somebody else wrote in between; read again and retry."""
        return self.reason == "Conflict"

    @property
    def already_exists(self) -> bool:
        """A create of a name that is taken."""
        return self.reason == "AlreadyExists"

    @property
    def is_expired(self) -> bool:
        """That resourceVersion or continue token is too old; list again."""
        return self.code == HTTPStatus.GONE

    @property
    def namespace_is_terminating(self) -> bool:
        """A create in a namespace that is going away: to try again is pointless."""
        causes = self.status.get("details", {}).get("causes", ())
        return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
