# SPDX-License-Identifier: Apache-2.0
"""How the rest of the agent asks for objects that pods refer to, and what it is told when there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from lightkube.models import certificates_v1beta1, core_v1

from agent.errors import AgentError


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One object: kind as in "ConfigMap" or "PersistentVolume"; namespace is "" for kinds of the cluster."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As the kubelet names it in its messages: configmap "x"."""
        return f'{self.kind.lower()} "{self.name}"'


class ObjectError(AgentError):
    """An object cannot be given; ref says which."""

    def __init__(self, ref: Ref, message: str) -> None:
        """Keep the reference, for callers to whom its absence is fine."""
        super().__init__(message)
        self.ref = ref


class ObjectAbsentError(ObjectError):
    """The API server says that it does not exist: optional references pass over it."""

    def __init__(self, ref: Ref) -> None:
        """The kubelet's text."""
        super().__init__(ref, f"{ref} not found")


class ObjectUnknownError(ObjectError):
    """It was not read yet, or cannot be read: why says what is missing."""

    def __init__(self, ref: Ref, why: str) -> None:
        """Name the object and why nobody can tell."""
        super().__init__(ref, f"cannot read {ref}: {why}")


class Objects(Protocol):
    """What is known of objects now; nothing waits here."""

    def get(self, ref: Ref) -> msgspec.Struct:
        """The object as a lightkube model. Raises ObjectAbsentError or ObjectUnknownError."""

    def services(self, namespace: str) -> Sequence[core_v1.Service]:
        """All Services of a namespace, for service variables; () without an API server."""

    def trust_bundles(self, signer_name: str) -> Sequence[certificates_v1beta1.ClusterTrustBundle]:
        """All ClusterTrustBundles of a signer. Raises ObjectUnknownError where they are not served."""
