# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses in security contexts, of a pod and of its containers."""

import re
from typing import Final

from lightkube.models import core_v1

from kube.checks import Problems, in_range, one_of, present, relative_path
from kube.problem import Path, duplicate, forbidden, invalid, required

MAX_ID: Final = (1 << 31) - 1
PROFILE_TYPES: Final = ("RuntimeDefault", "Localhost", "Unconfined")
GROUP_POLICIES: Final = ("Merge", "Strict")
CHANGE_POLICIES: Final = ("Always", "OnRootMismatch")
PROC_MOUNTS: Final = ("Default", "Unmasked")
_LONGEST_SYSCTL: Final = 253
_PART: Final = r"[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?"
_SYSCTL: Final = re.compile(rf"{_PART}(?:[./]{_PART})*")


def check_pod_security(spec: core_v1.PodSpec, path: Path) -> Problems:
    """Everything that is wrong with the pod's own context, in the spec that stands at path."""
    if spec.hostPID and spec.shareProcessNamespace:
        yield forbidden(
            (*path, "shareProcessNamespace"), "may not be set together with hostPID", "one of the two"
        )
    if spec.hostUsers is False:
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if getattr(spec, name):
                yield forbidden((*path, name), "may not be set together with hostUsers: false")
    context, at = spec.securityContext, (*path, "securityContext")
    if context is None:
        return
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        yield from in_range((*at, name), getattr(context, name), 0, MAX_ID)
    for index, group in enumerate(context.supplementalGroups or ()):
        yield from in_range((*at, "supplementalGroups", index), group, 0, MAX_ID)
    yield from one_of((*at, "supplementalGroupsPolicy"), context.supplementalGroupsPolicy, GROUP_POLICIES)
    yield from one_of((*at, "fsGroupChangePolicy"), context.fsGroupChangePolicy, CHANGE_POLICIES)
    yield from _profiles(context, at)
    yield from _sysctls(context, (*at, "sysctls"))


def check_container_security(context: core_v1.SecurityContext, path: Path) -> Problems:
    """Everything that is wrong with a container's context, which stands at path."""
    for name in ("runAsUser", "runAsGroup"):
        yield from in_range((*path, name), getattr(context, name), 0, MAX_ID)
    yield from one_of((*path, "procMount"), context.procMount, PROC_MOUNTS)
    yield from _profiles(context, path)
    if context.allowPrivilegeEscalation is False:
        at = (*path, "allowPrivilegeEscalation")
        added = (context.capabilities.add if context.capabilities else None) or ()
        if context.privileged:
            yield invalid(at, value=False, accepted="true, or nothing, for a privileged container")
        if "CAP_SYS_ADMIN" in added:
            yield invalid(at, value=False, accepted="true, or nothing, for a container with CAP_SYS_ADMIN")


def _profiles(context: core_v1.PodSecurityContext | core_v1.SecurityContext, path: Path) -> Problems:
    for name in ("seccompProfile", "appArmorProfile"):
        profile = getattr(context, name)
        if profile is None:
            continue
        at = (*path, name)
        if not profile.type:
            yield required((*at, "type"), ", ".join(PROFILE_TYPES))
        yield from one_of((*at, "type"), profile.type or None, PROFILE_TYPES)
        where = (*at, "localhostProfile")
        if profile.type == "Localhost":
            yield from present(where, profile.localhostProfile, "the name of a profile on the node")
            if name == "seccompProfile":
                yield from relative_path(where, profile.localhostProfile or "")
        elif profile.localhostProfile:
            yield invalid(where, profile.localhostProfile, "nothing, unless type is Localhost")


def _sysctls(context: core_v1.PodSecurityContext, path: Path) -> Problems:
    names: set[str] = set()
    for index, setting in enumerate(context.sysctls or ()):
        at = (*path, index, "name")
        if not setting.name:
            yield required(at)
        elif len(setting.name) > _LONGEST_SYSCTL or not _SYSCTL.fullmatch(setting.name):
            yield invalid(at, setting.name, "the name of a kernel setting, such as net.ipv4.tcp_syncookies")
        elif setting.name in names:
            yield duplicate(at, setting.name, "each setting once")
        names.add(setting.name)
