# SPDX-License-Identifier: Apache-2.0
"""NamespaceLifecycle: nothing comes into a namespace that is not there or that is going."""

from typing import Final

from controlplane.admission.base import AdmissionPlugin
from controlplane.admission.errors import forbidden
from controlplane.errors import ApiError, Cause, not_found
from controlplane.registry.data import look
from controlplane.request import Admission, Operation, Reader

# Whoever deletes these takes the cluster apart (k8s.io/apiserver's lifecycle plugin names the same three).
PROTECTED: Final = frozenset({"default", "kube-system", "kube-public"})
_NAMESPACES: Final = ("", "namespaces")
# Asking what one may do must not tell which namespaces there are.
_REVIEW: Final = ("authorization.k8s.io", "localsubjectaccessreviews")


class NamespaceLifecycle(AdmissionPlugin):
    """Refuses creates in missing (404) and terminating (403) namespaces, and deleting those that are PROTECTED.

    Changes in missing namespaces are refused like creates, and so is what is created through a subresource
    (pods/binding, pods/eviction, serviceaccounts/token). Deletes always pass: that is how a namespace is emptied.
    """

    name = "NamespaceLifecycle"

    def __init__(self, reader: Reader) -> None:
        """Where namespaces are read."""
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Refuse before any other plugin looks for things in that namespace."""
        asked = admission.attributes
        kind = (asked.group, asked.resource)
        if kind == _NAMESPACES:
            _check_protected(admission)
        elif asked.namespace and kind != _REVIEW and admission.operation is not Operation.DELETE:
            await self._check_namespace(admission)

    async def _check_namespace(self, admission: Admission) -> None:
        name = admission.attributes.namespace
        namespace = await self._reader.get(*_NAMESPACES, "", name)
        if namespace is None:
            raise not_found(*_NAMESPACES, name)
        if admission.operation is Operation.CREATE and look(namespace, "status", "phase") == "Terminating":
            raise _terminating(admission, name)


def _check_protected(admission: Admission) -> None:
    asked = admission.attributes
    if admission.operation is Operation.DELETE and not asked.subresource and asked.name in PROTECTED:
        raise forbidden(admission, "this namespace may not be deleted")


def _terminating(admission: Admission, name: str) -> ApiError:
    """The cause is what clients (kubectl drain among them) recognize this refusal by."""
    error = forbidden(
        admission, f"unable to create new content in namespace {name} because it is being terminated"
    )
    error.causes = (
        Cause("NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace"),
    )
    return error
