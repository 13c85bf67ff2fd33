# SPDX-License-Identifier: Apache-2.0
"""Refusals of verbs, besides those of controlplane.errors; and the store's errors in the words of the API."""

from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.errors import ApiError, Cause, expired
from controlplane.registry.resource import Resource
from controlplane.store.errors import CompactedError, FutureRevisionError, UnavailableError

CHANGED = "the object has been modified; please apply your changes to the latest version and try again"


def from_the_future(asked: int, current: int) -> ApiError:
    """504: a revision that this server has not seen; client-go tests for the cause."""
    text = f"Too large resource version: {asked}, current: {current}"
    causes = (Cause("ResourceVersionTooLarge", "Too large resource version"),)
    return ApiError(504, "Timeout", f"Timeout: {text}", causes=causes, retry_after=1)


def too_old(message: str = "") -> ApiError:
    """410: history does not reach back to that revision."""
    return expired(message or "too old resource version: list again to get a new one")


def unavailable(message: str) -> ApiError:
    """503: the store cannot do it now."""
    return ApiError(503, "ServiceUnavailable", message, retry_after=1)


def timed_out(message: str) -> ApiError:
    """504: it took too long; whether it happened is not known."""
    return ApiError(504, "Timeout", message)


def precondition(resource: Resource, name: str, field: str, wanted: str, found: str) -> ApiError:
    """409: the object is not the one that the client means."""
    why = f"Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {found}"
    text = f'Operation cannot be fulfilled on {qualified(resource)} "{name}": {why}'
    return ApiError(409, "Conflict", text, group=resource.group, kind=resource.plural, name=name)


def qualified(resource: Resource) -> str:
    """As messages name a resource: pods, deployments.apps."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


@contextmanager
def store_refusals() -> Iterator[None]:
    """Inside, what the store says becomes what the API says."""
    try:
        yield
    except CompactedError as error:
        raise too_old() from error
    except FutureRevisionError as error:
        raise ApiError(
            504, "Timeout", f"Timeout: Too large resource version: {error}", retry_after=1
        ) from error
    except UnavailableError as error:
        raise unavailable(str(error)) from error
