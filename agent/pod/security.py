# SPDX-License-Identifier: Apache-2.0
"""Under which identity and with which restrictions a pod's processes run: from its security contexts to CRI's values.

The merging of pod and container, the defaults and the words are the kubelet's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.pod import sysctls
from agent.pod.errors import ConfigError
from agent.sources.model import Refusal
from cri.model import (
    Capabilities,
    ContainerSecurity,
    GroupsPolicy,
    Image,
    NamespaceMode,
    Namespaces,
    ProfileType,
    SandboxSecurity,
    SecurityProfile,
    SELinux,
    UserNamespace,
)

T = TypeVar("T")
AnyContainer = core_v1.Container | core_v1.EphemeralContainer

MASKED_PATHS: Final = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_RUNTIME_DEFAULT: Final = SecurityProfile(ProfileType.RUNTIME_DEFAULT)
_UNCONFINED: Final = SecurityProfile(ProfileType.UNCONFINED)


@dataclass(frozen=True, slots=True)
class SecurityNode:
    """What the node has: the folder of seccomp profiles, allowed unsafe sysctls, and abilities of host and runtime.

    seccomp_default: a container without a profile gets the runtime's, instead of none.
    """

    seccomp: Path
    unsafe_sysctls: tuple[str, ...] = ()
    apparmor: bool = False
    selinux: bool = False
    strict_groups: bool = False
    seccomp_default: bool = False


@dataclass(frozen=True, slots=True)
class ImageUser:
    """The user that an image's configuration names: a number, or a name that only its /etc/passwd knows."""

    uid: int | None = None
    username: str = ""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What RunPodSandbox is told about security."""

    security: SandboxSecurity
    namespaces: Namespaces
    sysctls: Mapping[str, str] = field(default_factory=dict)
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """What CreateContainer is told about security."""

    security: ContainerSecurity
    namespaces: Namespaces
    privileged: bool = False


def image_user(image: Image | None) -> ImageUser:
    """From the runtime's answer; an image that names nobody runs as root."""
    if image is None or (image.uid is None and not image.username):
        return ImageUser(0)
    return ImageUser(image.uid, image.username)


def rejection(pod: core_v1.Pod, node: SecurityNode) -> Refusal | None:
    """Why this node cannot run the pod at all, in the kubelet's words; None when it can."""
    if why := sysctls.forbidden(pod, node.unsafe_sysctls):
        return Refusal("SysctlForbidden", why)
    contexts = [c for c in (spec_of(pod).securityContext, *_contexts(pod)) if c is not None]
    profiles = (context.appArmorProfile for context in contexts)
    if not node.apparmor and any(profile and profile.type != "Unconfined" for profile in profiles):
        return Refusal("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
    if not node.selinux and any(context.seLinuxOptions for context in contexts):
        return Refusal("SELinux", "Cannot apply seLinuxOptions: SELinux is not enabled on the host")
    security = spec_of(pod).securityContext
    if security and security.supplementalGroupsPolicy == "Strict" and not node.strict_groups:
        return Refusal(
            "SupplementalGroupsPolicyNotSupported",
            "SupplementalGroupsPolicy=Strict is not supported in this node",
        )
    return None


def sandbox_security(pod: core_v1.Pod, user: UserNamespace | None = None) -> SandboxOptions:
    """The sandbox's options; user is the pod's user namespace where it has one."""
    pod_context = spec_of(pod).securityContext or core_v1.PodSecurityContext()
    security = SandboxSecurity(
        run_as_user=pod_context.runAsUser,
        run_as_group=pod_context.runAsGroup,
        supplemental_groups=_groups(pod_context),
        groups_policy=_policy(pod_context),
        selinux=_selinux(pod_context.seLinuxOptions),
        seccomp=_RUNTIME_DEFAULT,
    )
    privileged = any(context.privileged for context in _contexts(pod))
    return SandboxOptions(security, namespaces(pod, user), sysctls.settings(pod), privileged)


def container_security(
    pod: core_v1.Pod,
    container: AnyContainer,
    user_of_image: ImageUser,
    node: SecurityNode,
    *,
    target_id: str = "",
    user: UserNamespace | None = None,
) -> ContainerOptions:
    """The container's options; target_id is the container whose processes an ephemeral one sees.

    Raises ConfigError when it must not run as root and would, or when nobody can tell.
    """
    common = spec_of(pod).securityContext or core_v1.PodSecurityContext()
    own = container.securityContext or core_v1.SecurityContext()
    _check_non_root(pod, container, user_of_image)
    uid = _chosen(own.runAsUser, common.runAsUser)
    named = uid is None and user_of_image.uid is None
    privileged = bool(own.privileged)
    unmasked = privileged or own.procMount == "Unmasked"
    security = ContainerSecurity(
        run_as_user=user_of_image.uid if uid is None else uid,
        run_as_group=_chosen(own.runAsGroup, common.runAsGroup),
        run_as_username=user_of_image.username if named else "",
        supplemental_groups=_groups(common),
        groups_policy=_policy(common),
        readonly_rootfs=bool(own.readOnlyRootFilesystem),
        selinux=_selinux(_chosen(own.seLinuxOptions, common.seLinuxOptions)),
        seccomp=_seccomp(_chosen(own.seccompProfile, common.seccompProfile), node),
        apparmor=_apparmor(_chosen(own.appArmorProfile, common.appArmorProfile)),
        capabilities=_capabilities(own.capabilities),
        no_new_privs=own.allowPrivilegeEscalation is False,
        masked_paths=() if unmasked else MASKED_PATHS,
        readonly_paths=() if unmasked else READONLY_PATHS,
    )
    spaces = namespaces(pod, user)
    if target_id:
        spaces = replace(spaces, pid=NamespaceMode.TARGET, target_id=target_id)
    return ContainerOptions(security, spaces, privileged)


def namespaces(pod: core_v1.Pod, user: UserNamespace | None = None) -> Namespaces:
    """Whose Linux namespaces the pod's processes are in."""
    spec = spec_of(pod)
    pid = NamespaceMode.POD if spec.shareProcessNamespace else NamespaceMode.CONTAINER
    return Namespaces(
        network=NamespaceMode.NODE if spec.hostNetwork else NamespaceMode.POD,
        pid=NamespaceMode.NODE if spec.hostPID else pid,
        ipc=NamespaceMode.NODE if spec.hostIPC else NamespaceMode.POD,
        user=user,
    )


def _check_non_root(pod: core_v1.Pod, container: AnyContainer, image: ImageUser) -> None:
    common = spec_of(pod).securityContext or core_v1.PodSecurityContext()
    own = container.securityContext or core_v1.SecurityContext()
    if not _chosen(own.runAsNonRoot, common.runAsNonRoot):
        return
    uid = _chosen(own.runAsUser, common.runAsUser)
    about = f'(pod: "{_shown(pod)}", container: {container.name})'
    if uid == 0:
        raise ConfigError(f"container's runAsUser breaks non-root policy {about}")
    if uid is not None:
        return
    if image.uid == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {about}")
    if image.uid is None:
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
            f"cannot verify user is non-root {about}"
        )


def _shown(pod: core_v1.Pod) -> str:
    """As the kubelet names a pod in its messages."""
    metadata = pod.metadata
    return f"{metadata.name}_{metadata.namespace}({metadata.uid})" if metadata else ""


def _contexts(pod: core_v1.Pod) -> tuple[core_v1.SecurityContext, ...]:
    spec = spec_of(pod)
    containers = (*(spec.initContainers or ()), *spec.containers, *(spec.ephemeralContainers or ()))
    return tuple(each.securityContext for each in containers if each.securityContext)


def _chosen(own: T | None, common: T | None) -> T | None:
    """What the container says, else what the pod says."""
    return common if own is None else own


def _groups(context: core_v1.PodSecurityContext) -> tuple[int, ...]:
    """The supplementary groups; the group of the volumes is one of them."""
    groups = (*(context.supplementalGroups or ()), *(() if context.fsGroup is None else (context.fsGroup,)))
    return tuple(dict.fromkeys(groups))


def _policy(context: core_v1.PodSecurityContext) -> GroupsPolicy:
    return GroupsPolicy.STRICT if context.supplementalGroupsPolicy == "Strict" else GroupsPolicy.MERGE


def _seccomp(profile: core_v1.SeccompProfile | None, node: SecurityNode) -> SecurityProfile:
    if profile is None:
        return _RUNTIME_DEFAULT if node.seccomp_default else _UNCONFINED
    if profile.type == "Localhost":
        return SecurityProfile(ProfileType.LOCALHOST, str(node.seccomp / (profile.localhostProfile or "")))
    return _RUNTIME_DEFAULT if profile.type == "RuntimeDefault" else _UNCONFINED


def _apparmor(profile: core_v1.AppArmorProfile | None) -> SecurityProfile | None:
    if profile is None:
        return None
    if profile.type == "Localhost":
        return SecurityProfile(ProfileType.LOCALHOST, profile.localhostProfile or "")
    return _RUNTIME_DEFAULT if profile.type == "RuntimeDefault" else _UNCONFINED


def _selinux(options: core_v1.SELinuxOptions | None) -> SELinux | None:
    if options is None:
        return None
    return SELinux(options.user or "", options.role or "", options.type or "", options.level or "")


def _capabilities(given: core_v1.Capabilities | None) -> Capabilities | None:
    return None if given is None else Capabilities(tuple(given.add or ()), tuple(given.drop or ()))
