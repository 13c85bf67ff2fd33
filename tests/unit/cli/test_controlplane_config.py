# SPDX-License-Identifier: Apache-2.0
"""The control plane's configuration file is read strictly, and a descriptor that cannot listen is refused."""

import socket
from pathlib import Path

import pytest

from cli.controlplane import inherited
from cli.controlplaneconfig import read_config
from cli.errors import CliError
from controlplane.auth.audit import Rotation
from controlplane.config import EtcdAccess

WHOLE = """\
apiVersion: orlop.dev/v1alpha1
kind: ControlPlaneConfig
pki: /lab/pki
store: memory://
"""


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("colour: red", "unknown field `colour`"),
        ("port: 0", r"`\$\.port`"),
        ("port: '1'", r"`\$\.port`"),
        ("serviceCIDRs: [10.96.0.1/16]", r"range '10\.96\.0\.1/16'"),
        ("podCIDRs: [10.244.0.1/16]", r"range '10\.244\.0\.1/16'"),
        ("nodePorts: {first: 9, last: 1}", "cannot use the node ports 9-1"),
        ("kubeconfig: {path: /x}", "missing required field `server`"),
        ("eventTTLSeconds: 0", r"`\$\.eventTTLSeconds`"),
        ("etcd: {ca: /x}", "cannot use etcd settings with the store 'memory://'"),
        ("etcd: {certificate: /x}", "name both certificate and key"),
        ("etcd: {certificate: /x, key: /y}", "name the ca that"),
        ("leaderElection: {leaseSeconds: 5}", "cannot elect a leader with 5, 10 and 2 s"),
        ("auditPolicy: [{level: Metadata}]", "without auditLog"),
        ("auditLog: /x\nauditPolicy: [{level: Request}]", "Request"),
        ("auditLog: /x\nauditRotation: {megabytes: 0}", r"`\$\.auditRotation\.megabytes`"),
        (
            "podSecurity: {defaults: {enforce: strict}}",
            "podSecurity.defaults.enforce 'strict': it must be one of",
        ),
        ("podSecurity: {defaults: {warn-version: '1.2'}}", "podSecurity.defaults.warn-version '1.2'"),
        ("podSecurity: {exemptions: {users: [x]}}", "unknown field `users`"),
        ("hosts: [", "cannot use the control plane's configuration"),
        ("store: floppy", "cannot use the store 'floppy'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, more: str, why: str) -> None:
    path = tmp_path / "controlplane.yaml"
    path.write_text(WHOLE + more + "\n")
    with pytest.raises(CliError, match=why) as failure:
        read_config(path)
    assert str(path) in failure.value.message


def test_another_kind_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "controlplane.yaml"
    with pytest.raises(CliError, match="No such file"):
        read_config(path)
    path.write_text(WHOLE.replace("ControlPlaneConfig", "NodeConfig"))
    with pytest.raises(CliError, match="NodeConfig"):
        read_config(path)


def test_everything_has_a_default_but_pki_and_store(tmp_path: Path) -> None:
    path = tmp_path / "controlplane.yaml"
    path.write_text(WHOLE)
    config = read_config(path)
    assert (config.address, config.port, config.audit, config.kubeconfig) == (
        "127.0.0.1",
        6443,
        None,
        None,
    )
    assert config.node_ports == (30000, 32767)


def test_what_is_written_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "controlplane.yaml"
    path.write_text(
        WHOLE.replace("memory://", "etcd://10.0.0.1:2379")
        + """
auditLog: /var/log/audit.log
auditRotation: {megabytes: 1, keep: 0}
auditPolicy:
- {level: None, users: [bot], resources: [{group: apps, resources: [deployments]}]}
- {level: Metadata, nonResourceURLs: ["/logs/*"]}
podSecurity:
  defaults: {enforce: baseline, enforce-version: v1.30, warn: restricted}
  exemptions: {namespaces: [kube-system], usernames: [root]}
etcd: {ca: /ca.pem, certificate: /c.pem, key: /k.pem, serverName: etcd, root: /two}
leaderElection: {leaseSeconds: 6, renewSeconds: 4, retrySeconds: 0.5}
"""
    )
    config = read_config(path)
    assert config.audit is not None
    assert (config.audit.path, config.audit.rotation) == (Path("/var/log/audit.log"), Rotation(1 << 20, 0))
    first, second = config.audit.rules
    assert (first.logged, first.users, first.resources[0].group) == (False, ("bot",), "apps")
    assert (second.logged, second.paths) == (True, ("/logs/*",))
    assert config.pod_security is not None
    policy, exempt = config.pod_security.default, config.pod_security.exempt
    assert [str(each) for each in (policy.enforce, policy.audit, policy.warn)] == [
        "baseline:v1.30",
        "privileged:latest",
        "restricted:latest",
    ]
    assert (exempt.namespaces, exempt.users) == ({"kube-system"}, {"root"})
    assert config.etcd == EtcdAccess(Path("/ca.pem"), Path("/c.pem"), Path("/k.pem"), "etcd", "/two")
    assert (config.leader.lease, config.leader.renew, config.leader.retry) == (6, 4, 0.5)


def test_a_descriptor_that_is_no_tcp_socket_is_refused(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(CliError, match="no TCP"),
    ):
        inherited(datagrams.detach())
    with (tmp_path / "file").open("w") as file, pytest.raises(CliError, match="cannot use descriptor"):
        inherited(file.fileno())
