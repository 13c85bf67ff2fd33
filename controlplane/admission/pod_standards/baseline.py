# SPDX-License-Identifier: Apache-2.0
"""What the level baseline forbids: known ways out of a container."""

from typing import Final

from controlplane.admission.pod_standards.view import Finding, PodView, containers, number, quoted, setters
from controlplane.registry.data import Json, items, look, mapping

_APPARMOR_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROFILES: Final = ("RuntimeDefault", "Localhost")
_CAPABILITIES: Final = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
_SELINUX_TYPES: Final = ("", "container_t", "container_init_t", "container_kvm_t")
# Safe sysctls, each with the minor version that first had it.
_SYSCTLS: Final = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
_PROBES: Final = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)


def app_armor(view: PodView, _: int) -> Finding | None:
    """The runtime's profile, or one of the node's; not none."""
    pod = view.of_pod("appArmorProfile", "type")
    bad_pod = pod is not None and pod not in _PROFILES
    bad = [
        (name, kind)
        for name, kind in view.of_containers("appArmorProfile", "type")
        if kind is not None and kind not in _PROFILES
    ]
    annotated = sorted(
        f'{key}="{value}"'
        for key, value in view.annotations.items()
        if key.startswith(_APPARMOR_ANNOTATION) and not _is_allowed_profile(value)
    )
    who = [text for text in (setters(bad_pod, [name for name, _ in bad]),) if text]
    if annotated:
        who.append(number(len(annotated), "annotation", "annotations"))
    if not who:
        return None
    values = [*sorted({kind for _, kind in bad} | ({pod} if bad_pod else set())), *annotated]
    reason = number(len(values), "forbidden AppArmor profile", "forbidden AppArmor profiles")
    return Finding(reason, f"{' and '.join(who)} must not set AppArmor profile type to {quoted(values)}")


def _is_allowed_profile(value: str) -> bool:
    return value in ("", "runtime/default") or value.startswith("localhost/")


def capabilities(view: PodView, _: int) -> Finding | None:
    """Those of the runtime's default set may be added."""
    bad = {
        name: extra
        for name, given in view.of_containers("capabilities", "add")
        if (extra := set(given or ()) - _CAPABILITIES)
    }
    if not bad:
        return None
    added = quoted(sorted(set().union(*bad.values())))
    detail = f"{containers(list(bad))} must not include {added} in securityContext.capabilities.add"
    return Finding("non-default capabilities", detail)


def host_namespaces(view: PodView, _: int) -> Finding | None:
    """Network, processes and IPC are the pod's own."""
    shared = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if view.spec.get(name)]
    return Finding("host namespaces", ", ".join(shared)) if shared else None


def host_path_volumes(view: PodView, _: int) -> Finding | None:
    """Nothing of the node's files."""
    names = [one.get("name", "") for one in items(view.spec, "volumes") if one.get("hostPath") is not None]
    if not names:
        return None
    return Finding("hostPath volumes", f"{number(len(names), 'volume', 'volumes')} {quoted(names)}")


def host_ports(view: PodView, _: int) -> Finding | None:
    """No port of the node."""
    bad: list[str] = []
    ports: set[str] = set()
    for container in view.containers:
        used = {str(port["hostPort"]) for port in items(container, "ports") if port.get("hostPort")}
        if used:
            bad.append(container.get("name", ""))
            ports |= used
    if not bad:
        return None
    word = number(len(ports), "hostPort", "hostPorts")
    detail = f"{containers(bad)} {number(len(bad), 'uses', 'use')} {word} {', '.join(sorted(ports))}"
    return Finding("hostPort", detail)


def probe_hosts(view: PodView, _: int) -> Finding | None:
    """Probes and hooks go to the pod itself: the node must not be sent elsewhere."""
    bad = {one.get("name", ""): found for one in view.containers if (found := _hosts(one))}
    if not bad:
        return None
    hosts = sorted(set().union(*bad.values()))
    word = number(len(hosts), "probe or lifecycle host", "probe or lifecycle hosts")
    detail = f"{containers(sorted(bad))} {number(len(bad), 'uses', 'use')} {word} {quoted(hosts)}"
    return Finding("probe or lifecycle host", detail)


def _hosts(container: Json) -> set[str]:
    found = (look(container, *path, kind, "host") for path in _PROBES for kind in ("httpGet", "tcpSocket"))
    return {host for host in found if host}


def privileged(view: PodView, _: int) -> Finding | None:
    """No container with all rights."""
    bad = [name for name, value in view.of_containers("privileged") if value]
    if not bad:
        return None
    return Finding("privileged", f"{containers(bad)} must not set securityContext.privileged=true")


def proc_mount(view: PodView, minor: int) -> Finding | None:
    """Parts of /proc stay hidden; since 1.35 a pod with users of its own may see them."""
    return None if minor >= _USER_NAMESPACES and view.has_own_users else proc_mount_always(view, minor)


_USER_NAMESPACES: Final = 35


def proc_mount_always(view: PodView, _: int) -> Finding | None:
    """Parts of /proc stay hidden."""
    bad = [(name, kind) for name, kind in view.of_containers("procMount") if kind not in (None, "Default")]
    if not bad:
        return None
    kinds = quoted(sorted({kind for _, kind in bad}))
    who = containers([name for name, _ in bad])
    return Finding("procMount", f"{who} must not set securityContext.procMount to {kinds}")


def selinux(view: PodView, minor: int) -> Finding | None:
    """The types for containers, and nothing else."""
    allowed = (*_SELINUX_TYPES, "container_engine_t") if minor >= _ENGINE_TYPE else _SELINUX_TYPES
    everyone = [("", view.of_pod("seLinuxOptions")), *view.of_containers("seLinuxOptions")]
    bad = [(name, options) for name, options in everyone if options and _is_bad_selinux(options, allowed)]
    if not bad:
        return None
    types = sorted({kind for _, options in bad if (kind := options.get("type") or "") not in allowed})
    told = [f"{number(len(types), 'type', 'types')} {quoted(types)}"] if types else []
    told += [f"{part} may not be set" for part in ("user", "role") if any(o.get(part) for _, o in bad)]
    pod_is_bad = bad[0][1] is everyone[0][1]
    who = setters(pod_is_bad, [name for name, _ in bad[pod_is_bad:]])
    return Finding("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(told)}")


_ENGINE_TYPE: Final = 31


def _is_bad_selinux(options: Json, allowed: tuple[str, ...]) -> bool:
    return (options.get("type") or "") not in allowed or bool(options.get("user") or options.get("role"))


def seccomp(view: PodView, _: int) -> Finding | None:
    """Not unconfined."""
    return seccomp_finding(view, ("RuntimeDefault", "Localhost"))


def seccomp_finding(view: PodView, allowed: tuple[str, ...]) -> Finding | None:
    """Whoever names another type than these."""
    pod = view.of_pod("seccompProfile")
    profiles = [
        (name, profile) for name, profile in view.of_containers("seccompProfile") if profile is not None
    ]
    bad = [(name, profile) for name, profile in profiles if profile.get("type") not in allowed]
    bad_pod = pod is not None and pod.get("type") not in allowed
    if not bad and not bad_pod:
        return None
    kinds = {profile.get("type", "") for _, profile in bad} | ({pod.get("type", "")} if bad_pod else set())
    who = setters(bad_pod, [name for name, _ in bad])
    detail = f"{who} must not set securityContext.seccompProfile.type to {quoted(sorted(kinds))}"
    return Finding("seccompProfile", detail)


def sysctls(view: PodView, minor: int) -> Finding | None:
    """Only those that reach no further than the pod."""
    names = [one.get("name", "") for one in items(mapping(view.spec, "securityContext"), "sysctls")]
    bad = [name for name in names if _SYSCTLS.get(name, minor + 1) > minor]
    return Finding("forbidden sysctls", ", ".join(bad)) if bad else None


def windows_host_process(view: PodView, _: int) -> Finding | None:
    """No process of the host on Windows either."""
    pod = view.of_pod("windowsOptions", "hostProcess")
    bad = [name for name, value in view.of_containers("windowsOptions", "hostProcess") if value]
    if not pod and not bad:
        return None
    detail = f"{setters(pod, bad)} must not set securityContext.windowsOptions.hostProcess=true"
    return Finding("hostProcess", detail)
