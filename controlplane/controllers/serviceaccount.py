# SPDX-License-Identifier: Apache-2.0
"""ServiceAccount "default" in every namespace."""

from typing import Any, Final

from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.meta import is_going
from controlplane.controllers.operations import Create, Operation
from kube.errors import ApiStatusError
from kube.kinds import NAMESPACES, SERVICE_ACCOUNTS

Json = dict[str, Any]

DEFAULT: Final = "default"


def plan(namespace: Json, account: Json | None) -> list[Operation]:
    """Create the account unless it is there or the namespace goes away."""
    if account is not None or is_going(namespace):
        return []
    return [
        Create(SERVICE_ACCOUNTS, {"metadata": {"name": DEFAULT, "namespace": namespace["metadata"]["name"]}})
    ]


class ServiceAccounts(Controller):
    """Reconciles namespaces by ("", name)."""

    name = "serviceaccount-controller"

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._namespaces = self.follow(NAMESPACES)
        self._accounts = self.follow(SERVICE_ACCOUNTS, _key_of_namespace)

    async def reconcile(self, key: Key) -> None:
        """Make the account where it is missing."""
        namespace = self._namespaces.get(key[1])
        if namespace is None:
            return
        try:
            await self.executor.run(plan(namespace, self._accounts.get(DEFAULT, key[1])))
        except ApiStatusError as error:
            if not error.already_exists and not error.namespace_is_terminating:
                raise


def _key_of_namespace(obj: Json) -> list[Key]:
    return [("", obj["metadata"]["namespace"])] if obj["metadata"]["name"] == DEFAULT else []
