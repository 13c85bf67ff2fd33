# SPDX-License-Identifier: Apache-2.0
"""DefaultStorageClass: a claim that says nothing about its class gets the default one."""

from typing import Final

from controlplane.admission.base import AdmissionPlugin, is_about
from controlplane.admission.default_class import default_name
from controlplane.registry.data import look, mapping, member
from controlplane.request import Admission, Operation, Reader

_DEFAULT: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
# How claims named their class before there was a field.
_OLD_NAME: Final = "volume.beta.kubernetes.io/storage-class"


class DefaultStorageClass(AdmissionPlugin):
    """Fills in spec.storageClassName of new claims. An empty text is an answer: no class."""

    name = "DefaultStorageClass"

    def __init__(self, reader: Reader) -> None:
        """Where classes are read."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Leave the claim as it is when there is no default class."""
        claim = admission.object
        if claim is None or not is_about(admission, "", "persistentvolumeclaims", Operation.CREATE):
            return
        is_named = _OLD_NAME in mapping(claim, "metadata", "annotations")
        if is_named or look(claim, "spec", "storageClassName") is not None:
            return
        name = default_name(await self._reader.list("storage.k8s.io", "storageclasses"), *_DEFAULT)
        if name:
            member(claim, "spec")["storageClassName"] = name
