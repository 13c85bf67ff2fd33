# SPDX-License-Identifier: Apache-2.0
"""Tokens of service accounts, bound to a pod: they end with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from agent.objects.model import NO_SERVER, ObjectError, Ref

ACCOUNT: Final = "ServiceAccount"


class TokenError(ObjectError):
    """A token cannot be had: the API server refuses it or is away, or there is none. ref is the account."""

    def __init__(self, namespace: str, account: str, why: str) -> None:
        super().__init__(
            Ref(ACCOUNT, namespace, account),
            f'failed to fetch token for service account "{account}" of namespace {namespace}: {why}',
        )


@dataclass(frozen=True, slots=True)
class Token:
    """A token; times are seconds since the epoch. From renew_at on, asking gives a new one if one can be had.

    Its repr does not show it.
    """

    text: str = field(repr=False)
    expires_at: float
    renew_at: float = 0.0


class Tokens(Protocol):
    """Where tokens come from. What was given before is given again until its renew_at."""

    async def request(
        self,
        namespace: str,
        service_account: str,
        audiences: Sequence[str],
        expiration_seconds: int,
        pod_name: str,
        pod_uid: str,
    ) -> Token:
        """A token for these audiences (none: the API server's own). Raises TokenError with the API server's words."""
        ...


class NoTokens:
    """Tokens of a node that has no API server."""

    async def request(
        self,
        namespace: str,
        service_account: str,
        audiences: Sequence[str],  # noqa: ARG002 - the answer is the same for all
        expiration_seconds: int,  # noqa: ARG002
        pod_name: str,  # noqa: ARG002
        pod_uid: str,  # noqa: ARG002
    ) -> Token:
        """Raise TokenError."""
        raise TokenError(namespace, service_account, NO_SERVER)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Everything that tells one pod's tokens apart."""

    pod_uid: str
    account: str
    audiences: tuple[str, ...]
    expiration_seconds: int
