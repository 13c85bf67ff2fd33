# SPDX-License-Identifier: Apache-2.0
"""The Pod Security Standards: each control with what it allows, and what it says of what it forbids."""

import pytest

from controlplane.admission.pod_standards.evaluate import BASELINE, RESTRICTED, findings
from controlplane.admission.pod_standards.model import LATEST, Level, Standard
from controlplane.admission.pod_standards.view import PodView
from tests.support.admission import container, pod

GOOD = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def secured(name="app", **context):
    return container(name, securityContext=context)


def hardened(name="app", **changes):
    return secured(name, **{**GOOD, **changes})


def told(made, level, minor=LATEST):
    return ", ".join(map(str, findings(Standard(level, minor), made)))


def run(check_id, made, minor=LATEST):
    check = next(one for one in (*BASELINE, *RESTRICTED) if one.id == check_id)
    finding = check.run(PodView(made), minor)
    return str(finding) if finding else ""


def two(**context):
    return pod(containers=[secured("a", **context), secured("b", **context)])


APPARMOR = "container.apparmor.security.beta.kubernetes.io/app"
NONE = {"type": "Unconfined"}

ROWS = [
    ("appArmorProfile", pod(), ""),
    ("appArmorProfile", pod(securityContext={"appArmorProfile": {"type": "RuntimeDefault"}}), ""),
    ("appArmorProfile", two(appArmorProfile={"type": "Localhost", "localhostProfile": "x"}), ""),
    ("appArmorProfile", pod(metadata={"annotations": {APPARMOR: "localhost/x"}}), ""),
    (
        "appArmorProfile",
        pod(securityContext={"appArmorProfile": NONE}),
        'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ),
    (
        "appArmorProfile",
        two(appArmorProfile=NONE),
        'forbidden AppArmor profile (containers "a", "b" must not set AppArmor profile type to "Unconfined")',
    ),
    (
        "appArmorProfile",
        pod(metadata={"annotations": {APPARMOR: "unconfined"}}),
        f'forbidden AppArmor profile (annotation must not set AppArmor profile type to "{APPARMOR}="unconfined"")',
    ),
    ("capabilities_baseline", two(capabilities={"add": ["CHOWN", "NET_BIND_SERVICE"]}), ""),
    (
        "capabilities_baseline",
        pod(containers=[secured("a", capabilities={"add": ["SYS_TIME", "NET_ADMIN", "KILL"]})]),
        'non-default capabilities (container "a" must not include "NET_ADMIN", "SYS_TIME" in '
        "securityContext.capabilities.add)",
    ),
    ("hostNamespaces", pod(hostNetwork=False), ""),
    (
        "hostNamespaces",
        pod(hostNetwork=True, hostPID=True, hostIPC=True),
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
    ),
    ("hostPathVolumes", pod(volumes=[{"name": "v", "emptyDir": {}}]), ""),
    (
        "hostPathVolumes",
        pod(volumes=[{"name": name, "hostPath": {"path": "/"}} for name in ("proc", "sys")]),
        'hostPath volumes (volumes "proc", "sys")',
    ),
    ("hostPorts", pod(containers=[container(ports=[{"containerPort": 80, "hostPort": 0}])]), ""),
    (
        "hostPorts",
        pod(containers=[container(ports=[{"containerPort": 80, "hostPort": 80}])]),
        'hostPort (container "app" uses hostPort 80)',
    ),
    (
        "hostPorts",
        pod(containers=[container(n, ports=[{"hostPort": p}]) for n, p in (("a", 80), ("b", 81))]),
        'hostPort (containers "a", "b" use hostPorts 80, 81)',
    ),
    (
        "hostProbesAndHostLifecycle",
        pod(containers=[container(livenessProbe={"httpGet": {"port": 80}})]),
        "",
    ),
    (
        "hostProbesAndHostLifecycle",
        pod(containers=[container(lifecycle={"preStop": {"tcpSocket": {"host": "10.0.0.1"}}})]),
        'probe or lifecycle host (container "app" uses probe or lifecycle host "10.0.0.1")',
    ),
    ("privileged", two(privileged=False), ""),
    (
        "privileged",
        pod(initContainers=[secured("init", privileged=True)]),
        'privileged (container "init" must not set securityContext.privileged=true)',
    ),
    (
        "privileged",
        two(privileged=True),
        'privileged (containers "a", "b" must not set securityContext.privileged=true)',
    ),
    ("procMount_baseline", two(procMount="Default"), ""),
    (
        "procMount_baseline",
        pod(containers=[secured(procMount="Unmasked")]),
        'procMount (container "app" must not set securityContext.procMount to "Unmasked")',
    ),
    ("procMount_baseline", pod(hostUsers=False, containers=[secured(procMount="Unmasked")]), ""),
    (
        "procMount_restricted",
        pod(hostUsers=False, containers=[secured(procMount="Unmasked")]),
        'procMount (container "app" must not set securityContext.procMount to "Unmasked")',
    ),
    ("procMount_restricted", pod(), ""),
    ("seLinuxOptions", two(seLinuxOptions={"type": "container_kvm_t", "level": "s0"}), ""),
    (
        "seLinuxOptions",
        pod(
            securityContext={"seLinuxOptions": {"type": "foo"}},
            containers=[
                secured("d", seLinuxOptions={"type": "bar"}),
                secured("e", seLinuxOptions={"user": "u"}),
            ],
        ),
        'seLinuxOptions (pod and containers "d", "e" set forbidden securityContext.seLinuxOptions: '
        'types "bar", "foo"; user may not be set)',
    ),
    (
        "seLinuxOptions",
        pod(securityContext={"seLinuxOptions": {"user": "u", "role": "r"}}),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: user may not be set; role may not be set)",
    ),
    ("seccompProfile_baseline", two(seccompProfile={"type": "Localhost"}), ""),
    ("seccompProfile_baseline", pod(), ""),
    (
        "seccompProfile_baseline",
        pod(securityContext={"seccompProfile": NONE}, containers=[secured("a", seccompProfile=NONE)]),
        'seccompProfile (pod and container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    ("sysctls", pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}), ""),
    (
        "sysctls",
        pod(securityContext={"sysctls": [{"name": "net.core.somaxconn"}, {"name": "kernel.msgmax"}]}),
        "forbidden sysctls (net.core.somaxconn, kernel.msgmax)",
    ),
    ("windowsHostProcess", two(windowsOptions={"hostProcess": False}), ""),
    (
        "windowsHostProcess",
        pod(
            securityContext={"windowsOptions": {"hostProcess": True}},
            containers=[secured("a", windowsOptions={"hostProcess": True})],
        ),
        'hostProcess (pod and container "a" must not set securityContext.windowsOptions.hostProcess=true)',
    ),
    ("allowPrivilegeEscalation", two(allowPrivilegeEscalation=False), ""),
    (
        "allowPrivilegeEscalation",
        two(),
        'allowPrivilegeEscalation != false (containers "a", "b" must set '
        "securityContext.allowPrivilegeEscalation=false)",
    ),
    ("allowPrivilegeEscalation", pod(os={"name": "windows"}), ""),
    ("capabilities_restricted", two(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}), ""),
    (
        "capabilities_restricted",
        pod(containers=[secured("a", capabilities={"add": ["CHOWN"]}), hardened("b")]),
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; '
        'container "a" must not include "CHOWN" in securityContext.capabilities.add)',
    ),
    (
        "restrictedVolumes",
        pod(
            volumes=[
                {"name": "a", "emptyDir": {}},
                {"name": "b", "projected": {}},
                {"name": "c", "persistentVolumeClaim": {}},
            ]
        ),
        "",
    ),
    (
        "restrictedVolumes",
        pod(volumes=[{"name": "data", "hostPath": {}}]),
        'restricted volume types (volume "data" uses restricted volume type "hostPath")',
    ),
    (
        "restrictedVolumes",
        pod(volumes=[{"name": "a", "nfs": {}}, {"name": "b", "hostPath": {}}]),
        'restricted volume types (volumes "a", "b" use restricted volume types "hostPath", "nfs")',
    ),
    ("runAsNonRoot", two(runAsNonRoot=True), ""),
    ("runAsNonRoot", pod(securityContext={"runAsNonRoot": True}), ""),
    (
        "runAsNonRoot",
        pod(),
        'runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)',
    ),
    (
        "runAsNonRoot",
        pod(securityContext={"runAsNonRoot": False}, containers=[secured("a", runAsNonRoot=False)]),
        'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false)',
    ),
    ("runAsNonRoot", pod(hostUsers=False), ""),
    ("runAsUser", two(runAsUser=1000), ""),
    (
        "runAsUser",
        pod(securityContext={"runAsUser": 0}, containers=[secured("a", runAsUser=0)]),
        'runAsUser=0 (pod and container "a" must not set runAsUser=0)',
    ),
    ("seccompProfile_restricted", two(seccompProfile={"type": "RuntimeDefault"}), ""),
    ("seccompProfile_restricted", pod(securityContext={"seccompProfile": {"type": "Localhost"}}), ""),
    (
        "seccompProfile_restricted",
        pod(),
        'seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")',
    ),
    (
        "seccompProfile_restricted",
        two(seccompProfile=NONE),
        'seccompProfile (containers "a", "b" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
]


@pytest.mark.parametrize(("check_id", "made", "message"), ROWS)
def test_control(check_id, made, message) -> None:
    assert run(check_id, made) == message


def test_every_control_has_a_row_that_is_allowed_and_one_that_is_forbidden() -> None:
    ids = {check.id for check in (*BASELINE, *RESTRICTED)}
    assert {check_id for check_id, _, message in ROWS if not message} == ids
    assert {check_id for check_id, _, message in ROWS if message} == ids


@pytest.mark.parametrize(
    ("check_id", "made", "minor", "allowed"),
    [
        ("sysctls", pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}), 31, False),
        ("sysctls", pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}), 32, True),
        ("sysctls", pod(securityContext={"sysctls": [{"name": "kernel.shm_rmid_forced"}]}), 0, True),
        ("seLinuxOptions", two(seLinuxOptions={"type": "container_engine_t"}), 30, False),
        ("seLinuxOptions", two(seLinuxOptions={"type": "container_engine_t"}), 31, True),
        ("allowPrivilegeEscalation", pod(os={"name": "windows"}), 24, False),
        ("runAsNonRoot", pod(hostUsers=False), 34, False),
    ],
)
def test_versions(check_id, made, minor, allowed) -> None:
    assert (run(check_id, made, minor) == "") is allowed


def test_a_version_has_only_the_controls_it_knew() -> None:
    made = pod(containers=[container(livenessProbe={"httpGet": {"host": "10.0.0.1"}})])
    assert told(made, Level.BASELINE, 33) == ""
    assert told(made, Level.BASELINE, 34) != ""
    plain = told(pod(), Level.RESTRICTED, 18)
    assert plain.startswith("allowPrivilegeEscalation != false")
    assert "seccompProfile" not in plain
    assert "capabilities" not in plain


def test_a_plain_pod_under_each_level() -> None:
    assert told(pod(hostNetwork=True), Level.PRIVILEGED) == ""
    assert told(pod(), Level.BASELINE) == ""
    assert told(pod(), Level.RESTRICTED) == (
        'allowPrivilegeEscalation != false (container "app" must set '
        'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "app" must set '
        'securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "app" must set '
        'securityContext.runAsNonRoot=true), seccompProfile (pod or container "app" must set '
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )
    assert told(pod(containers=[hardened()]), Level.RESTRICTED) == ""


def test_a_control_that_includes_another_stands_in_for_it() -> None:
    made = pod(
        volumes=[{"name": "data", "hostPath": {}}],
        containers=[hardened(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}, procMount="Unmasked")],
    )
    assert [finding.reason for finding in findings(Standard(Level.RESTRICTED), made)] == [
        "unrestricted capabilities",
        "procMount",
        "restricted volume types",
    ]
    assert [finding.reason for finding in findings(Standard(Level.BASELINE), made)] == [
        "non-default capabilities",
        "hostPath volumes",
        "procMount",
    ]


def test_ephemeral_containers_count() -> None:
    made = pod(ephemeralContainers=[secured("debug", privileged=True)])
    assert "debug" in told(made, Level.BASELINE)
