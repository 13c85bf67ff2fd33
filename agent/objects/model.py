# SPDX-License-Identifier: Apache-2.0
"""Objects that pods refer to, and how they are read: a copy that never waits, and errors that say why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from lightkube.models import certificates_v1beta1, core_v1, node_v1

from agent.errors import AgentError

CONFIG_MAP: Final = "ConfigMap"
SECRET: Final = "Secret"
CLAIM: Final = "PersistentVolumeClaim"
VOLUME: Final = "PersistentVolume"
RUNTIME_CLASS: Final = "RuntimeClass"
TRUST_BUNDLE: Final = "ClusterTrustBundle"
NO_SERVER: Final = "this node has no API server"

MODELS: Final[Mapping[str, type[msgspec.Struct]]] = {
    CONFIG_MAP: core_v1.ConfigMap,
    SECRET: core_v1.Secret,
    CLAIM: core_v1.PersistentVolumeClaim,
    VOLUME: core_v1.PersistentVolume,
    RUNTIME_CLASS: node_v1.RuntimeClass,
    TRUST_BUNDLE: certificates_v1beta1.ClusterTrustBundle,
}
"""The model that Objects.get gives for each kind."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One object by kind (a key of MODELS), namespace and name; namespace is "" for kinds of the cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f'{self.kind.lower()} "{self.name}"'


class ObjectError(AgentError):
    """An object that a pod refers to cannot be had; the text is what the kubelet says."""

    def __init__(self, ref: Ref, message: str) -> None:
        super().__init__(message)
        self.ref = ref


class ObjectAbsentError(ObjectError):
    """The API server says that it is not there: optional references pass over it."""

    def __init__(self, ref: Ref) -> None:
        super().__init__(ref, f"{ref} not found")


class ObjectUnknownError(ObjectError):
    """Whether it is there is not known: not read yet, not readable, or there is no API server."""

    def __init__(self, ref: Ref, why: str) -> None:
        super().__init__(ref, f"cannot read {ref}: {why}")


class Objects(Protocol):
    """The copy, as readers see it. Nobody may change what it gives: readers share it."""

    def get(self, ref: Ref) -> msgspec.Struct:
        """The object, of MODELS[ref.kind]. Raises ObjectAbsentError or ObjectUnknownError."""
        ...

    def services(self, namespace: str) -> Sequence[core_v1.Service]:
        """The namespace's Services, in the order of their names, for the variables that containers get."""
        ...

    def trust_bundles(self, signer_name: str) -> Sequence[certificates_v1beta1.ClusterTrustBundle]:
        """All ClusterTrustBundles of a signer. Raises ObjectUnknownError where they are not served."""
        ...


class NoObjects:
    """Objects of a node that has no API server."""

    def get(self, ref: Ref) -> msgspec.Struct:
        """Raise ObjectUnknownError."""
        raise ObjectUnknownError(ref, NO_SERVER)

    def services(self, namespace: str) -> Sequence[core_v1.Service]:  # noqa: ARG002 - there are none in any
        """Nothing."""
        return ()

    def trust_bundles(self, signer_name: str) -> Sequence[certificates_v1beta1.ClusterTrustBundle]:
        """Raise ObjectUnknownError."""
        raise ObjectUnknownError(Ref(TRUST_BUNDLE, "", signer_name), NO_SERVER)
