# SPDX-License-Identifier: Apache-2.0
"""Acting as somebody else: Impersonate-* headers, each of which the caller must be allowed to use."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote

from multidict import MultiMapping

from controlplane.auth.names import AUTHENTICATED, UNAUTHENTICATED, account_of
from controlplane.auth.union import refusal
from controlplane.errors import bad_request
from controlplane.request import ANONYMOUS, Attributes, Authorizer, User

_USER: Final = "Impersonate-User"
_GROUP: Final = "Impersonate-Group"
_UID: Final = "Impersonate-Uid"
_EXTRA: Final = "impersonate-extra-"
_AUTHENTICATION: Final = "authentication.k8s.io"


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a request asks to act as."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def wish_of(headers: MultiMapping[str]) -> Wish | None:
    """What the headers ask for, None if they do not. Raises the 400 for parts without Impersonate-User."""
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers.items():
        if header.lower().startswith(_EXTRA):
            key = unquote(header.lower()[len(_EXTRA) :])
            extra[key] = (*extra.get(key, ()), value)
    groups = tuple(headers.getall(_GROUP, ()))
    wish = Wish(headers.get(_USER, ""), headers.get(_UID, ""), groups, extra)
    if wish.name:
        return wish
    if wish.uid or groups or extra:
        raise bad_request(
            "cannot impersonate groups, uid or extra without Impersonate-User: name the user too"
        )
    return None


async def impersonated(user: User, headers: MultiMapping[str], authorizer: Authorizer) -> User:
    """The user to act as: the caller, or whom the headers name. Raises the 400 and the 403."""
    wish = wish_of(headers)
    if wish is None:
        return user
    for asked in _questions(user, wish):
        decision = await authorizer.authorize(asked)
        if not decision.allowed:
            raise refusal(asked, decision)
    return _become(wish)


def _questions(user: User, wish: Wish) -> list[Attributes]:
    """Everything that has to be allowed."""
    asking = Attributes(user, "impersonate", "", version="v1")
    meta = replace(asking, group=_AUTHENTICATION)
    if account := account_of(wish.name):
        first = replace(asking, resource="serviceaccounts", namespace=account.namespace, name=account.name)
    else:
        first = replace(asking, resource="users", name=wish.name)
    return [
        first,
        *(replace(asking, resource="groups", name=group) for group in wish.groups),
        *(
            replace(meta, resource="userextras", subresource=key, name=value)
            for key, values in wish.extra.items()
            for value in values
        ),
        *([replace(meta, resource="uids", name=wish.uid)] if wish.uid else []),
    ]


def _become(wish: Wish) -> User:
    """The groups that follow from a name are added as they would be had that user come itself."""
    account, groups = account_of(wish.name), wish.groups
    if account and not groups:
        groups = account.groups
    own = UNAUTHENTICATED if wish.name == ANONYMOUS.name else AUTHENTICATED
    if own not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, own)
    return User(wish.name, wish.uid, groups, wish.extra)
