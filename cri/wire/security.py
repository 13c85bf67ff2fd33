# SPDX-License-Identifier: Apache-2.0
"""Identity and restrictions on the wire."""

from cri.model.resources import Namespaces
from cri.model.security import (
    Capabilities,
    ContainerSecurity,
    GroupsPolicy,
    ProfileType,
    SandboxSecurity,
    SecurityProfile,
    SELinux,
)
from cri.v1 import basic_pb2, security_pb2
from cri.wire.resources import namespaces

_PROFILES = {
    ProfileType.RUNTIME_DEFAULT: "RuntimeDefault",
    ProfileType.UNCONFINED: "Unconfined",
    ProfileType.LOCALHOST: "Localhost",
}
_POLICIES = {GroupsPolicy.MERGE: "Merge", GroupsPolicy.STRICT: "Strict"}


def sandbox_security(
    value: SandboxSecurity, spaces: Namespaces, *, privileged: bool
) -> security_pb2.LinuxSandboxSecurityContext:
    """The sandbox's security context, in which CRI keeps the namespaces too."""
    return security_pb2.LinuxSandboxSecurityContext(
        namespace_options=namespaces(spaces),
        selinux_options=_selinux(value.selinux),
        run_as_user=_number(value.run_as_user),
        run_as_group=_number(value.run_as_group),
        readonly_rootfs=value.readonly_rootfs,
        supplemental_groups=value.supplemental_groups,
        supplemental_groups_policy=_POLICIES[value.groups_policy],
        privileged=privileged,
        seccomp=_profile(value.seccomp),
        apparmor=_profile(value.apparmor),
        # The form that `seccomp` replaced: runtimes that predate it are not supported, so it stays empty.
    )


def container_security(
    value: ContainerSecurity, spaces: Namespaces, *, privileged: bool
) -> security_pb2.LinuxContainerSecurityContext:
    """A container's security context, in which CRI keeps the namespaces too."""
    return security_pb2.LinuxContainerSecurityContext(
        capabilities=_capabilities(value.capabilities),
        privileged=privileged,
        namespace_options=namespaces(spaces),
        selinux_options=_selinux(value.selinux),
        run_as_user=_number(value.run_as_user),
        run_as_group=_number(value.run_as_group),
        run_as_username=value.run_as_username,
        readonly_rootfs=value.readonly_rootfs,
        supplemental_groups=value.supplemental_groups,
        supplemental_groups_policy=_POLICIES[value.groups_policy],
        no_new_privs=value.no_new_privs,
        masked_paths=value.masked_paths,
        readonly_paths=value.readonly_paths,
        seccomp=_profile(value.seccomp),
        apparmor=_profile(value.apparmor),
    )


def _number(value: int | None) -> basic_pb2.Int64Value | None:
    return None if value is None else basic_pb2.Int64Value(value=value)


def _selinux(value: SELinux | None) -> security_pb2.SELinuxOption | None:
    if value is None:
        return None
    return security_pb2.SELinuxOption(user=value.user, role=value.role, type=value.type, level=value.level)


def _profile(value: SecurityProfile | None) -> security_pb2.SecurityProfile | None:
    if value is None:
        return None
    return security_pb2.SecurityProfile(profile_type=_PROFILES[value.type], localhost_ref=value.localhost_ref)


def _capabilities(value: Capabilities | None) -> security_pb2.Capability | None:
    if value is None:
        return None
    return security_pb2.Capability(
        add_capabilities=value.add, drop_capabilities=value.drop, add_ambient_capabilities=value.ambient
    )
