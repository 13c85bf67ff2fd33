# SPDX-License-Identifier: Apache-2.0
"""Which kernel settings a pod may have: those that stay inside its namespaces, and what the node's owner allows.

Lists, rules and words are the kubelet's (pkg/kubelet/sysctl).
"""

from collections.abc import Iterable
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of

SAFE: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_IPC: Final = "IPC"
_NET: Final = "Net"
_PREFIXES: Final = {"kernel.shm": _IPC, "kernel.msg": _IPC, "fs.mqueue.": _IPC, "net.": _NET}


def dotted(name: str) -> str:
    """With dots between the parts; net/ipv4/conf/eth0.1/x is the other way to write it (sysctl.d(5))."""
    first = next((character for character in name if character in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def namespace_of(name: str) -> str:
    """ "IPC" or "Net": whose setting it is; "" when it belongs to the whole node."""
    if name == "kernel.sem":
        return _IPC
    return next((kind for prefix, kind in _PREFIXES.items() if name.startswith(prefix)), "")


def check_allowed(patterns: Iterable[str]) -> list[str]:
    """What is wrong with a node's list of allowed unsafe settings; names may end in "*"."""
    return [
        f"sysctl {pattern} belongs to the whole node: it cannot be allowed for pods"
        for pattern in patterns
        if not namespace_of(dotted(pattern).removesuffix("*"))
    ]


def forbidden(pod: core_v1.Pod, allowed: Iterable[str]) -> str:
    """Why the pod may not run, or ""; allowed are names or prefixes with "*" beyond the safe ones."""
    spec = spec_of(pod)
    security = spec.securityContext
    accepted = [*SAFE, *map(dotted, allowed)]
    for setting in (security.sysctls if security else None) or ():
        name = dotted(setting.name)
        if not any(_fits(name, pattern) for pattern in accepted):
            return f'forbidden sysctl: "{name}" not allowlisted'
        kind = namespace_of(name)
        if (kind == _NET and spec.hostNetwork) or (kind == _IPC and spec.hostIPC):
            return f'forbidden sysctl: "{name}" not allowed with host {kind} enabled'
    return ""


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def settings(pod: core_v1.Pod) -> dict[str, str]:
    """Name to value, as the runtime takes them."""
    security = spec_of(pod).securityContext
    return {dotted(each.name): each.value for each in (security.sysctls if security else None) or ()}
