# SPDX-License-Identifier: Apache-2.0
"""Wiring: everything of this folder, put together over one store."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from controlplane.auth import graph, identities, rbac
from controlplane.auth.accounts import AccountTokens
from controlplane.auth.authenticate import Authenticator
from controlplane.auth.bootstrap import BootstrapTokens
from controlplane.auth.csr_admission import CertificateAdmission
from controlplane.auth.defaults.reconcile import reconcile
from controlplane.auth.escalation import RbacEscalation
from controlplane.auth.identities import Existence, Identities
from controlplane.auth.keys import TokenKeys, TokenPublicKey
from controlplane.auth.node import NodeAuthorizer
from controlplane.auth.node_restriction import NodeRestriction
from controlplane.auth.objects import Mirror, View
from controlplane.auth.pki import Pki
from controlplane.auth.rbac import RbacAuthorizer, RbacIndex
from controlplane.auth.reviews import Reviews
from controlplane.auth.times import Clock
from controlplane.auth.tokens import TokenIssuer
from controlplane.auth.union import UnionAuthorizer
from controlplane.request import Plugin, Reader
from controlplane.store.interface import Store

DEFAULT_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
# How long a node's question waits for the graph to know the newest writes.
_CATCH_UP_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Auth:
    """What the engine needs: who is it, may it, and the create handlers and plugins that belong to it."""

    mirror: Mirror
    authenticator: Authenticator
    authorizer: UnionAuthorizer
    tokens: TokenIssuer
    reviews: Reviews
    plugins: tuple[Plugin, ...]

    async def start(self, store: Store) -> asyncio.Task[None]:
        """Bring default roles up to date, fill the copies in memory, and follow changes until the task is cancelled."""
        await reconcile(store, datetime.now(UTC))
        await self.mirror.load()
        return asyncio.create_task(self.mirror.follow(), name="auth-mirror")


def build(
    store: Store,
    reader: Reader,
    pki: Pki,
    *,
    issuer: str = DEFAULT_ISSUER,
    audiences: tuple[str, ...] = (),
    earlier_keys: Sequence[TokenPublicKey] = (),
    clock: Clock = time.time,
) -> Auth:
    """Put it together; nothing is read or written before start. audiences: the server's names besides the issuer."""
    index, nodes, known = RbacIndex(), graph.NodeGraph(), Identities()
    mirror = Mirror(store, _views(index, nodes, known))

    async def catch_up() -> None:
        await mirror.reach(await store.current_revision(), _CATCH_UP_SECONDS)

    keys = TokenKeys(pki.token_key, earlier_keys)
    own = (issuer, *audiences)
    accounts = AccountTokens(keys, issuer, Existence(known, reader), clock)
    authenticator = Authenticator((accounts, BootstrapTokens(reader, own, clock)), own, clock)
    authorizer = UnionAuthorizer((NodeAuthorizer(nodes, catch_up), RbacAuthorizer(index)))
    return Auth(
        mirror,
        authenticator,
        authorizer,
        TokenIssuer(keys, issuer, own, reader, clock),
        Reviews(authenticator, authorizer, index, clock),
        (
            NodeRestriction(reader),
            RbacEscalation(index, authorizer, reader),
            CertificateAdmission(authorizer),
        ),
    )


def _views(index: RbacIndex, nodes: graph.NodeGraph, known: Identities) -> dict[str, tuple[View, ...]]:
    views: dict[str, tuple[View, ...]] = {}
    wanted: tuple[tuple[View, tuple[str, ...]], ...] = (
        (index, rbac.PREFIXES),
        (nodes, graph.PREFIXES),
        (known, identities.PREFIXES),
    )
    for view, prefixes in wanted:
        for prefix in prefixes:
            views[prefix] = (*views.get(prefix, ()), view)
    return views
