# SPDX-License-Identifier: Apache-2.0
"""DefaultIngressClass: an ingress that says nothing about its class gets the default one."""

from typing import Final

from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.admission.default_class import default_name
from controlplane.registry.data import look, mapping, member
from controlplane.request import Admission, Operation, Reader

_GROUP: Final = "networking.k8s.io"
_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
# How ingresses named their class before there was a field.
_OLD_NAME: Final = "kubernetes.io/ingress.class"


class DefaultIngressClass(AdmissionPlugin):
    """Fills in spec.ingressClassName of new ingresses."""

    name = "DefaultIngressClass"

    def __init__(self, reader: Reader) -> None:
        """Where classes are read."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Leave the ingress as it is when there is no default class."""
        ingress = admission.object
        if ingress is None or not is_about(admission, _GROUP, "ingresses", Operation.CREATE):
            return
        is_named = _OLD_NAME in mapping(ingress, "metadata", "annotations")
        if is_named or look(ingress, "spec", "ingressClassName") is not None:
            return
        name = default_name(await self._reader.list(_GROUP, "ingressclasses"), _DEFAULT)
        if name:
            member(ingress, "spec")["ingressClassName"] = name
