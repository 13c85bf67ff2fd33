# SPDX-License-Identifier: Apache-2.0
"""ConfigMap "kube-root-ca.crt" in every namespace: what a pod checks the API server's certificate with."""

from typing import Any, Final

from controlplane.controllers.controller import Controller, Key, Shared
from controlplane.controllers.meta import is_going
from controlplane.controllers.operations import Create, Operation, Update
from kube.errors import ApiStatusError
from kube.kinds import CONFIG_MAPS, NAMESPACES

Json = dict[str, Any]

NAME: Final = "kube-root-ca.crt"
_DESCRIPTION: Final = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using "
    "internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed "
    "across distributions of Kubernetes clusters."
}


def plan(namespace: Json, current: Json | None, ca_pem: str) -> list[Operation]:
    """Create the ConfigMap, or put back what somebody changed."""
    if is_going(namespace):
        return []
    data = {"ca.crt": ca_pem}
    if current is None:
        place = {"name": NAME, "namespace": namespace["metadata"]["name"], "annotations": _DESCRIPTION}
        return [Create(CONFIG_MAPS, {"metadata": place, "data": data})]
    return [] if current.get("data") == data else [Update(CONFIG_MAPS, {**current, "data": data})]


class RootCertificates(Controller):
    """Reconciles namespaces by ("", name)."""

    name = "root-ca-certificate-publisher"

    def __init__(self, shared: Shared, ca_pem: str) -> None:
        super().__init__(shared)
        self._ca_pem = ca_pem
        self._namespaces = self.follow(NAMESPACES)
        self._maps = self.follow(CONFIG_MAPS, _key_of_namespace)

    async def reconcile(self, key: Key) -> None:
        """Make or mend the ConfigMap."""
        namespace = self._namespaces.get(key[1])
        if namespace is None:
            return
        try:
            await self.executor.run(plan(namespace, self._maps.get(NAME, key[1]), self._ca_pem))
        except ApiStatusError as error:
            if not error.already_exists and not error.namespace_is_terminating:
                raise


def _key_of_namespace(obj: Json) -> list[Key]:
    return [("", obj["metadata"]["namespace"])] if obj["metadata"]["name"] == NAME else []
