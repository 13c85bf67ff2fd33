# SPDX-License-Identifier: Apache-2.0
"""ClusterRoles with an aggregationRule get the rules of the roles that it chooses."""

from collections.abc import Iterable
from typing import Any, Final

from controlplane.auth.aggregate import outdated
from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.operations import Operation, Update
from kube.kinds import CLUSTER_ROLES

Json = dict[str, Any]

_THE_KEY: Final = ("", "")


def plan(roles: Iterable[Json]) -> list[Operation]:
    """The roles whose rules are not the sum any more, corrected. A sum of sums needs a further look."""
    return [Update(CLUSTER_ROLES, role) for role in outdated(roles)]


class ClusterRoleAggregation(Controller):
    """One key: which roles a change is about is as much work to say as to look at all of them."""

    name = "clusterrole-aggregation-controller"
    workers = 1

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._roles = self.follow(CLUSTER_ROLES, lambda _: [_THE_KEY])

    async def reconcile(self, key: Key) -> None:  # noqa: ARG002 - there is one
        """Correct what is outdated; the copies have it at once, and their change brings the key again."""
        await self.executor.run(plan(self._roles.all()))
