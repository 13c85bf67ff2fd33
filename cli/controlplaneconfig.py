# SPDX-License-Identifier: Apache-2.0
"""The control plane's configuration file (orlop.dev/v1alpha1 ControlPlaneConfig), read strictly."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from cli.controlplanesections import (
    AuditRule,
    EtcdSection,
    KubeconfigSection,
    LeaderSection,
    NodePortsSection,
    PodSecuritySection,
    RotationSection,
)
from cli.errors import CliError
from controlplane.auth.audit_policy import DEFAULT
from controlplane.config import AdminKubeconfig, AuditSettings, ControlPlaneConfig
from controlplane.errors import ConfigError


class ControlPlaneFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; paths are absolute. store: see controlplane.config.ControlPlaneConfig. auditLog "": none."""

    apiVersion: Literal["orlop.dev/v1alpha1"]  # noqa: N815 - the names of the file are the field's usual ones
    kind: Literal["ControlPlaneConfig"]
    pki: str
    store: str
    address: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 6443
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    serviceCIDRs: tuple[str, ...] = ("10.96.0.0/16",)  # noqa: N815
    podCIDRs: tuple[str, ...] = ("10.244.0.0/16",)  # noqa: N815
    nodePorts: NodePortsSection = NodePortsSection()  # noqa: N815
    clusterDomain: str = "cluster.local"  # noqa: N815
    auditLog: str = ""  # noqa: N815
    auditRotation: RotationSection = RotationSection()  # noqa: N815
    auditPolicy: tuple[AuditRule, ...] | None = None  # noqa: N815
    podSecurity: PodSecuritySection | None = None  # noqa: N815
    etcd: EtcdSection | None = None
    leaderElection: LeaderSection = LeaderSection()  # noqa: N815
    stopSeconds: float = 10  # noqa: N815
    eventTTLSeconds: Annotated[float, msgspec.Meta(gt=0)] = 3600  # noqa: N815
    kubeconfig: KubeconfigSection | None = None


def read_config(path: Path) -> ControlPlaneConfig:
    """Read and check the file; raises CliError that names the file, the field and what is accepted."""
    try:
        file = msgspec.convert(yaml.safe_load(path.read_bytes()), ControlPlaneFile)
        return _config(file)
    except OSError as error:
        raise CliError(f"cannot read the control plane's configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, msgspec.ValidationError, ConfigError) as error:
        raise CliError(f"cannot use the control plane's configuration {path}: {error}") from error


def _config(file: ControlPlaneFile) -> ControlPlaneConfig:
    kubeconfig = file.kubeconfig
    return ControlPlaneConfig(
        pki=Path(file.pki),
        store=file.store,
        address=file.address,
        port=file.port,
        hosts=file.hosts,
        addresses=file.addresses,
        service_cidrs=file.serviceCIDRs,
        pod_cidrs=file.podCIDRs,
        node_ports=(file.nodePorts.first, file.nodePorts.last),
        cluster_domain=file.clusterDomain,
        audit=_audit(file),
        pod_security=file.podSecurity.settings() if file.podSecurity else None,
        etcd=file.etcd.access() if file.etcd else None,
        leader=file.leaderElection.timing(),
        stop_seconds=file.stopSeconds,
        event_seconds=file.eventTTLSeconds,
        kubeconfig=AdminKubeconfig(Path(kubeconfig.path), kubeconfig.server) if kubeconfig else None,
    )


def _audit(file: ControlPlaneFile) -> AuditSettings | None:
    if not file.auditLog:
        if file.auditPolicy is not None or file.auditRotation != RotationSection():
            raise ConfigError("cannot use auditPolicy or auditRotation without auditLog: name the log's file")
        return None
    rules = DEFAULT if file.auditPolicy is None else tuple(rule.rule() for rule in file.auditPolicy)
    return AuditSettings(Path(file.auditLog), file.auditRotation.rotation(), rules)
