# SPDX-License-Identifier: Apache-2.0
"""Security contexts as the processes of a joined node's containers feel them, and refusals as kubectl tells them."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.pod.host_security import has_apparmor, has_selinux
from tests.support.cluster import Cluster

pytestmark = pytest.mark.node

Json = dict[str, Any]


def own(**fields: Any) -> Json:
    return {"container": {"securityContext": fields}}


def common(**fields: Any) -> Json:
    return {"securityContext": fields}


DENY = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
}

# spec -> (script, what it prints)
ROWS: dict[str, tuple[Json, str, str]] = {
    "user": (common(runAsUser=1000, runAsGroup=3000), "id -u; id -g", "1000\n3000\n"),
    "own-user": ({**common(runAsUser=1000), **own(runAsUser=0)}, "id -u", "0\n"),
    "groups": (common(runAsUser=1, supplementalGroups=[7, 8], fsGroup=9), "id -G", "0 7 8 9\n"),
    "non-root": ({**common(runAsNonRoot=True), **own(runAsUser=5)}, "id -u", "5\n"),
    "readonly": (
        own(readOnlyRootFilesystem=True),
        "touch /x 2>&1; true",
        "touch: /x: Read-only file system\n",
    ),
    "no-new-privs": (
        own(allowPrivilegeEscalation=False),
        "grep NoNewPrivs /proc/self/status",
        "NoNewPrivs:\t1\n",
    ),
    "new-privs": (
        own(allowPrivilegeEscalation=True),
        "grep NoNewPrivs /proc/self/status",
        "NoNewPrivs:\t0\n",
    ),
    "no-capability": (
        own(capabilities={"drop": ["ALL"]}),
        "grep CapEff /proc/self/status",
        "CapEff:\t0000000000000000\n",
    ),
    "one-capability": (
        own(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        "grep CapEff /proc/self/status",
        "CapEff:\t0000000000001000\n",
    ),
    "privileged": (own(privileged=True), "mkdir /m && mount -t tmpfs t /m && echo mounted", "mounted\n"),
    "unprivileged": ({}, "mkdir /m; mount -t tmpfs t /m 2>/dev/null || echo refused", "refused\n"),
    "masked": (
        {},
        "wc -c < /proc/keys; (echo x > /proc/sys/kernel/hostname) 2>/dev/null || echo readonly",
        "0\nreadonly\n",
    ),
    "seccomp": (
        common(seccompProfile={"type": "RuntimeDefault"}),
        "grep Seccomp: /proc/self/status",
        "Seccomp:\t2\n",
    ),
    "seccomp-off": (
        own(seccompProfile={"type": "Unconfined"}),
        "grep Seccomp: /proc/self/status",
        "Seccomp:\t0\n",
    ),
    "seccomp-file": (
        own(seccompProfile={"type": "Localhost", "localhostProfile": "deny/mkdir.json"}),
        "mkdir /x 2>/dev/null || echo refused",
        "refused\n",
    ),
    "sysctl": (
        common(sysctls=[{"name": "net.ipv4.ip_unprivileged_port_start", "value": "77"}]),
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
        "77\n",
    ),
    "shared": ({"shareProcessNamespace": True}, "tr '\\0' ' ' < /proc/1/cmdline", "/pause -P "),
    "alone": ({}, "tr '\\0' ' ' < /proc/1/cmdline", "sleep 100000 "),
    "host-pid": ({"hostPID": True}, "[ $(ls -d /proc/[0-9]* | wc -l) -gt 10 ] && echo many", "many\n"),
    "host-ipc": ({"hostIPC": True}, "readlink /proc/self/ns/ipc", "HOST_IPC\n"),
}


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Cluster:
    """All pods at once, and the node's seccomp profile."""
    profiles = cluster.node.agent_state / "seccomp/deny"
    profiles.mkdir(parents=True)
    (profiles / "mkdir.json").write_text(json.dumps(DENY))
    for name, (spec, _, _) in ROWS.items():
        cluster.start(name, wait=False, **spec)
    return cluster


@pytest.mark.parametrize("name", ROWS)
def test_a_process_feels(pods: Cluster, name: str) -> None:
    _, script, expected = ROWS[name]
    pods.await_ready(name)
    if "HOST_IPC" in expected:
        expected = expected.replace("HOST_IPC", str(Path("/proc/self/ns/ipc").readlink()))
    assert pods.exec(name, "sh", "-c", script) == expected


CONFIG_ERRORS = {
    "root-by-image": (common(runAsNonRoot=True), "container has runAsNonRoot and image will run as root"),
    "root-by-number": (
        {**common(runAsNonRoot=True), **own(runAsUser=0)},
        "container's runAsUser breaks non-root policy",
    ),
}


@pytest.mark.parametrize("name", CONFIG_ERRORS)
def test_root_where_there_must_be_none_is_told(pods: Cluster, name: str) -> None:
    spec, words = CONFIG_ERRORS[name]
    pods.start(name, wait=False, **spec)

    def told(pod: Json) -> bool:
        statuses = pod.get("status", {}).get("containerStatuses") or [{}]
        waiting = statuses[0].get("state", {}).get("waiting", {})
        return waiting.get("reason") == "CreateContainerConfigError" and words in waiting.get("message", "")

    pods.await_pod(name, told)
    pods.delete(name)


REFUSED = {
    "bad-sysctl": (
        common(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
        "SysctlForbidden",
        'forbidden sysctl: "kernel.msgmax" not allowlisted',
    ),
    "apparmor": (
        common(appArmorProfile={"type": "RuntimeDefault"}),
        "AppArmor",
        "AppArmor is not enabled on the host",
    ),
    "selinux": (common(seLinuxOptions={"level": "s0"}), "SELinux", "SELinux is not enabled on the host"),
}


HAS = {"apparmor": has_apparmor(Path("/sys")), "selinux": has_selinux(Path("/sys"))}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_node_cannot_give_fails_the_pod(pods: Cluster, name: str) -> None:
    if HAS.get(name, False):
        pytest.skip("the host has it")
    spec, reason, words = REFUSED[name]
    pods.start(name, wait=False, **spec)
    pod = pods.await_pod(name, lambda pod: pod.get("status", {}).get("phase") == "Failed")
    assert pod["status"]["reason"] == reason
    assert words in pod["status"]["message"]
    pods.delete(name)


def test_a_runtime_class_that_is_not_there_is_told(pods: Cluster) -> None:
    handler = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": pods.current},
        "handler": "runc",
    }
    pods.apply(handler)
    pods.start("classy", runtimeClassName=pods.current)
    pods.delete("classy")
    pods.run("delete", "runtimeclass", pods.current)
