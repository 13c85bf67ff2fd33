# SPDX-License-Identifier: Apache-2.0
"""Security contexts of pod and container, merged into what the runtime is told; and what this node refuses."""

from pathlib import Path
from typing import Any

import pytest
from lightkube.models import core_v1, meta_v1, node_v1

from agent.errors import OperationError
from agent.objects.model import NoObjects
from agent.pod.errors import ConfigError
from agent.pod.runtime_class import overhead, runtime_handler
from agent.pod.security import (
    MASKED_PATHS,
    READONLY_PATHS,
    ContainerOptions,
    ImageUser,
    SecurityNode,
    container_security,
    image_user,
    rejection,
    sandbox_security,
)
from agent.pod.sysctls import check_allowed, dotted
from cri.model import (
    Capabilities,
    GroupsPolicy,
    Image,
    LinuxResources,
    NamespaceMode,
    Namespaces,
    ProfileType,
    SecurityProfile,
    SELinux,
)
from tests.support.held_objects import HeldObjects

NODE = SecurityNode(Path("/root/seccomp"))
ROOT = ImageUser(0)


def pod(common: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **spec: Any) -> core_v1.Pod:
    container = {"name": "app", "image": "x", "securityContext": own}
    made = core_v1.Pod.from_dict(
        {
            "metadata": {"name": "web", "namespace": "default", "uid": "u1"},
            "spec": {"containers": [container], "securityContext": common, **spec},
        }
    )
    assert isinstance(made, core_v1.Pod)
    return made


def options(
    common: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
    image: ImageUser = ROOT,
    node: SecurityNode = NODE,
    **spec: Any,
) -> ContainerOptions:
    model = pod(common, own, **spec)
    assert model.spec is not None
    return container_security(model, model.spec.containers[0], image, node)


UNCONFINED = SecurityProfile(ProfileType.UNCONFINED)
DEFAULT = SecurityProfile(ProfileType.RUNTIME_DEFAULT)

# what pod and container say -> attributes of the container's security
ROWS: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any]]] = {
    "nothing": (
        None,
        None,
        {
            "run_as_user": 0,
            "run_as_group": None,
            "supplemental_groups": (),
            "capabilities": None,
            "no_new_privs": False,
            "readonly_rootfs": False,
            "seccomp": UNCONFINED,
            "apparmor": None,
            "selinux": None,
            "masked_paths": MASKED_PATHS,
            "readonly_paths": READONLY_PATHS,
            "groups_policy": GroupsPolicy.MERGE,
        },
    ),
    "the pod's user and group": (
        {"runAsUser": 7, "runAsGroup": 8},
        None,
        {"run_as_user": 7, "run_as_group": 8, "run_as_username": ""},
    ),
    "the container's win": (
        {"runAsUser": 7, "runAsGroup": 8},
        {"runAsUser": 0, "runAsGroup": 9},
        {"run_as_user": 0, "run_as_group": 9},
    ),
    "groups and fsGroup": (
        {"supplementalGroups": [1, 2], "fsGroup": 2000, "supplementalGroupsPolicy": "Strict"},
        None,
        {"supplemental_groups": (1, 2, 2000), "groups_policy": GroupsPolicy.STRICT},
    ),
    "capabilities": (
        None,
        {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}},
        {"capabilities": Capabilities(("NET_ADMIN",), ("ALL",))},
    ),
    "no escalation": (None, {"allowPrivilegeEscalation": False}, {"no_new_privs": True}),
    "escalation": (None, {"allowPrivilegeEscalation": True}, {"no_new_privs": False}),
    "read-only root": (None, {"readOnlyRootFilesystem": True}, {"readonly_rootfs": True}),
    "unmasked": (None, {"procMount": "Unmasked"}, {"masked_paths": (), "readonly_paths": ()}),
    "masked by name": (None, {"procMount": "Default"}, {"masked_paths": MASKED_PATHS}),
    "privileged": (None, {"privileged": True}, {"masked_paths": (), "readonly_paths": ()}),
    "seccomp of the pod": ({"seccompProfile": {"type": "RuntimeDefault"}}, None, {"seccomp": DEFAULT}),
    "seccomp of the container": (
        {"seccompProfile": {"type": "RuntimeDefault"}},
        {"seccompProfile": {"type": "Unconfined"}},
        {"seccomp": UNCONFINED},
    ),
    "seccomp file": (
        None,
        {"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}},
        {"seccomp": SecurityProfile(ProfileType.LOCALHOST, "/root/seccomp/a/b.json")},
    ),
    "apparmor": (
        {"appArmorProfile": {"type": "RuntimeDefault"}},
        {"appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"}},
        {"apparmor": SecurityProfile(ProfileType.LOCALHOST, "mine")},
    ),
    "selinux": (
        {"seLinuxOptions": {"level": "s0:c1"}},
        None,
        {"selinux": SELinux(level="s0:c1")},
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_container(row: str) -> None:
    common, own, expected = ROWS[row]
    security = options(common, own).security
    assert {name: getattr(security, name) for name in expected} == expected


def test_a_node_can_give_the_runtimes_seccomp_profile_to_all() -> None:
    node = SecurityNode(Path("/s"), seccomp_default=True)
    assert options(node=node).security.seccomp == DEFAULT
    assert options(own={"seccompProfile": {"type": "Unconfined"}}, node=node).security.seccomp == UNCONFINED


@pytest.mark.parametrize(
    ("image", "own", "user", "name"),
    [
        (ImageUser(0), {}, 0, ""),
        (ImageUser(101), {}, 101, ""),
        (ImageUser(None, "www"), {}, None, "www"),
        (ImageUser(None, "www"), {"runAsUser": 5}, 5, ""),
        (ImageUser(101), {"runAsUser": 5}, 5, ""),
    ],
)
def test_user_of_the_image(image: ImageUser, own: dict[str, Any], user: int | None, name: str) -> None:
    security = options(own=own, image=image).security
    assert (security.run_as_user, security.run_as_username) == (user, name)


def test_an_image_that_names_nobody_runs_as_root() -> None:
    bare = Image("i", (), (), 1)
    assert image_user(bare) == image_user(None) == ImageUser(0)
    assert image_user(Image("i", (), (), 1, uid=7)) == ImageUser(7)
    assert image_user(Image("i", (), (), 1, username="www")) == ImageUser(None, "www")


ABOUT = '(pod: "web_default(u1)", container: app)'
NON_ROOT: dict[str, tuple[dict[str, Any], dict[str, Any], ImageUser, str]] = {
    "fine by number": ({"runAsNonRoot": True}, {"runAsUser": 5}, ROOT, ""),
    "fine by image": ({"runAsNonRoot": True}, {}, ImageUser(101), ""),
    "container allows it": ({"runAsNonRoot": True}, {"runAsNonRoot": False}, ROOT, ""),
    "root by number": (
        {"runAsNonRoot": True},
        {"runAsUser": 0},
        ImageUser(101),
        f"container's runAsUser breaks non-root policy {ABOUT}",
    ),
    "root by image": (
        {},
        {"runAsNonRoot": True},
        ROOT,
        f"container has runAsNonRoot and image will run as root {ABOUT}",
    ),
    "nobody knows": (
        {"runAsNonRoot": True},
        {},
        ImageUser(None, "www"),
        "container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root "
        + ABOUT,
    ),
}


@pytest.mark.parametrize("row", NON_ROOT)
def test_run_as_non_root(row: str) -> None:
    common, own, image, words = NON_ROOT[row]
    if not words:
        options(common, own, image)
        return
    with pytest.raises(ConfigError) as caught:
        options(common, own, image)
    assert str(caught.value) == words
    assert caught.value.reason == "CreateContainerConfigError"


POD, NODE_MODE, CONTAINER = NamespaceMode.POD, NamespaceMode.NODE, NamespaceMode.CONTAINER


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Namespaces(POD, CONTAINER, POD)),
        ({"shareProcessNamespace": True}, Namespaces(POD, POD, POD)),
        ({"hostNetwork": True}, Namespaces(NODE_MODE, CONTAINER, POD)),
        ({"hostPID": True}, Namespaces(POD, NODE_MODE, POD)),
        ({"hostIPC": True}, Namespaces(POD, CONTAINER, NODE_MODE)),
    ],
)
def test_namespaces(spec: dict[str, Any], expected: Namespaces) -> None:
    assert sandbox_security(pod(**spec)).namespaces == expected
    assert options(**spec).namespaces == expected


def test_an_ephemeral_container_sees_its_targets_processes() -> None:
    model = pod()
    debug = core_v1.EphemeralContainer(name="debug", image="x")
    made = container_security(model, debug, ROOT, NODE, target_id="c1")
    assert made.namespaces == Namespaces(POD, NamespaceMode.TARGET, POD, "c1")


def test_sandbox() -> None:
    sysctls = [
        {"name": "net.ipv4.tcp_syncookies", "value": "1"},
        {"name": "net/ipv4/tcp_rmem", "value": "1 2 3"},
    ]
    common = {"runAsUser": 7, "runAsGroup": 8, "supplementalGroups": [9], "fsGroup": 10, "sysctls": sysctls}
    made = sandbox_security(pod(common, {"privileged": True}))
    assert (made.security.run_as_user, made.security.run_as_group) == (7, 8)
    assert made.security.supplemental_groups == (9, 10)
    assert made.security.seccomp == DEFAULT
    assert made.privileged
    assert made.sysctls == {"net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_rmem": "1 2 3"}
    assert not sandbox_security(pod()).privileged


def setting(name: str) -> dict[str, Any]:
    return {"sysctls": [{"name": name, "value": "1"}]}


APPARMOR = {"appArmorProfile": {"type": "RuntimeDefault"}}
REJECTED: dict[str, tuple[core_v1.Pod, str, str]] = {
    "nothing": (pod(), "", ""),
    "safe": (pod(setting("kernel.shm_rmid_forced")), "", ""),
    "unsafe": (
        pod(setting("kernel.msgmax")),
        "SysctlForbidden",
        'forbidden sysctl: "kernel.msgmax" not allowlisted',
    ),
    "of the node": (pod(setting("vm.swappiness")), "SysctlForbidden", "vm.swappiness"),
    "allowed": (pod(setting("net.core.somaxconn")), "", ""),
    "allowed by prefix, with slashes": (pod(setting("net/ipv4/conf/eth0.1/forwarding")), "", ""),
    "net on the host": (
        pod(setting("net.core.somaxconn"), hostNetwork=True),
        "SysctlForbidden",
        'forbidden sysctl: "net.core.somaxconn" not allowed with host Net enabled',
    ),
    "ipc on the host": (
        pod(setting("kernel.shm_rmid_forced"), hostIPC=True),
        "SysctlForbidden",
        'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
    ),
    "apparmor of the pod": (pod(APPARMOR), "AppArmor", "AppArmor is not enabled on the host"),
    "apparmor of a container": (pod(None, APPARMOR), "AppArmor", "Cannot enforce AppArmor"),
    "no apparmor wanted": (pod({"appArmorProfile": {"type": "Unconfined"}}), "", ""),
    "selinux": (pod({"seLinuxOptions": {"level": "s0"}}), "SELinux", "SELinux is not enabled"),
    "strict groups": (
        pod({"supplementalGroupsPolicy": "Strict"}),
        "SupplementalGroupsPolicyNotSupported",
        "SupplementalGroupsPolicy=Strict is not supported in this node",
    ),
}


@pytest.mark.parametrize("row", REJECTED)
def test_rejection(row: str) -> None:
    model, reason, words = REJECTED[row]
    node = SecurityNode(Path("/s"), unsafe_sysctls=("net.core.somaxconn", "net.ipv4.conf.*"))
    found = rejection(model, node)
    assert (found.reason if found else "") == reason
    assert words in (found.message if found else "")


def test_a_host_that_can_rejects_nothing() -> None:
    able = SecurityNode(Path("/s"), apparmor=True, selinux=True, strict_groups=True)
    for row in ("apparmor of the pod", "selinux", "strict groups"):
        assert rejection(REJECTED[row][0], able) is None


def test_only_settings_of_namespaces_can_be_allowed() -> None:
    assert check_allowed(["net.core.somaxconn", "kernel.msg*", "net.*", "kernel.sem"]) == []
    assert [text.split()[1] for text in check_allowed(["vm.swappiness", "kernel.*"])] == [
        "vm.swappiness",
        "kernel.*",
    ]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a.b.c", "a.b.c"),
        ("a/b/c", "a.b.c"),
        ("net/x/eth0.1/y", "net.x.eth0/1.y"),
        ("a.b/c", "a.b/c"),
        ("a", "a"),
    ],
)
def test_both_ways_to_write_a_setting(written: str, name: str) -> None:
    assert dotted(written) == name


def test_runtime_class() -> None:
    found = node_v1.RuntimeClass(handler="kata", metadata=meta_v1.ObjectMeta(name="vm"))
    assert runtime_handler(pod(), NoObjects()) == ""
    assert runtime_handler(pod(runtimeClassName="vm"), HeldObjects(found)) == "kata"
    with pytest.raises(OperationError, match='failed to get sandbox runtime: runtimeclass "no" not found'):
        runtime_handler(pod(runtimeClassName="no"), HeldObjects(found))
    with pytest.raises(OperationError, match="this node has no API server") as caught:
        runtime_handler(pod(runtimeClassName="vm"), NoObjects())
    assert caught.value.reason == "FailedCreatePodSandBox"


def test_overhead() -> None:
    assert overhead(pod()) is None
    made = overhead(pod(overhead={"cpu": "250m", "memory": "64Mi"}))
    assert made == LinuxResources(cpu_shares=256, cpu_period=100_000, cpu_quota=25_000, memory_limit=64 << 20)
