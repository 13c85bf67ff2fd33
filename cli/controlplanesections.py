# SPDX-License-Identifier: Apache-2.0
"""The sections of the control plane's configuration file, and what each means."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from controlplane.admission.pod_security import Exemptions, PodSecuritySettings
from controlplane.admission.pod_standards.model import PREFIX, Policy, policy_of
from controlplane.auth.audit import Rotation
from controlplane.auth.audit_policy import ResourceNames, Rule
from controlplane.config import EtcdAccess
from controlplane.errors import ConfigError
from kube.leader import Timing


class NodePortsSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The ports of Services of type NodePort, both ends included."""

    first: int = 30000
    last: int = 32767


class KubeconfigSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the administrator's kubeconfig is written, and the URL in it."""

    path: str
    server: str


class EtcdSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """TLS with etcd (paths of PEM files), the name in its certificate, and what all keys begin with."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    serverName: str = ""  # noqa: N815 - the names of the file are the field's usual ones
    root: str = "/orlop"

    def access(self) -> EtcdAccess:
        """Raises ConfigError."""
        ca, certificate, key = (
            Path(text) if text else None for text in (self.ca, self.certificate, self.key)
        )
        return EtcdAccess(ca, certificate, key, self.serverName, self.root)


class LeaderSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Of the servers over one store one runs the controllers: how long it counts without renewal, in seconds."""

    leaseSeconds: float = 15  # noqa: N815
    renewSeconds: float = 10  # noqa: N815
    retrySeconds: float = 2  # noqa: N815

    def timing(self) -> Timing:
        """For kube.leader."""
        return Timing(self.leaseSeconds, self.renewSeconds, self.retrySeconds)


class RotationSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When a file of the audit log is full, and how many full ones are kept."""

    megabytes: Annotated[int, msgspec.Meta(ge=1)] = 32
    keep: Annotated[int, msgspec.Meta(ge=0)] = 4

    def rotation(self) -> Rotation:
        """In bytes."""
        return Rotation(self.megabytes << 20, self.keep)


class AuditResources(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """As audit.k8s.io/v1 GroupResources."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resourceNames: tuple[str, ...] = ()  # noqa: N815


class AuditRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """As audit.k8s.io/v1 PolicyRule, with the two levels there are here: bodies are never logged."""

    level: Literal["None", "Metadata"]
    users: tuple[str, ...] = ()
    userGroups: tuple[str, ...] = ()  # noqa: N815
    verbs: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    resources: tuple[AuditResources, ...] = ()
    nonResourceURLs: tuple[str, ...] = ()  # noqa: N815

    def rule(self) -> Rule:
        """For the audit log."""
        return Rule(
            self.level == "Metadata",
            self.users,
            self.userGroups,
            self.verbs,
            self.namespaces,
            tuple(ResourceNames(one.group, one.resources, one.resourceNames) for one in self.resources),
            self.nonResourceURLs,
        )


class PodSecurityDefaults(
    msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={
        "enforce_version": "enforce-version", "audit_version": "audit-version", "warn_version": "warn-version",
    },
):  # fmt: skip
    """The standards of namespaces that have no labels, as pod-security.admission.config.k8s.io has them."""

    enforce: str = "privileged"
    enforce_version: str = "latest"
    audit: str = "privileged"
    audit_version: str = "latest"
    warn: str = "privileged"
    warn_version: str = "latest"


class PodSecurityExemptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whom PodSecurity leaves alone."""

    usernames: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    runtimeClasses: tuple[str, ...] = ()  # noqa: N815


class PodSecuritySection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a PodSecurityConfiguration of Kubernetes says."""

    defaults: PodSecurityDefaults = PodSecurityDefaults()
    exemptions: PodSecurityExemptions = PodSecurityExemptions()

    def settings(self) -> PodSecuritySettings:
        """Raises ConfigError for a level or version that there is not."""
        given: dict[str, str] = msgspec.to_builtins(self.defaults)
        policy, problems = policy_of({f"{PREFIX}{name}": text for name, text in given.items()}, Policy())
        if problems:
            first = problems[0]
            name = first.label.removeprefix(PREFIX)
            raise ConfigError(f"cannot use podSecurity.defaults.{name} {first.value!r}: it {first.accepted}")
        exempt = self.exemptions
        names = (exempt.usernames, exempt.namespaces, exempt.runtimeClasses)
        return PodSecuritySettings(policy, Exemptions(*map(frozenset, names)))
