# SPDX-License-Identifier: Apache-2.0
"""Under which identity and with which restrictions processes run."""

from dataclasses import dataclass
from enum import StrEnum


class ProfileType(StrEnum):
    """Where a seccomp or AppArmor profile comes from."""

    RUNTIME_DEFAULT = "runtimedefault"
    UNCONFINED = "unconfined"
    LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """A profile; localhost_ref is a seccomp file's path or an AppArmor profile's name, for LOCALHOST only."""

    type: ProfileType
    localhost_ref: str = ""


@dataclass(frozen=True, slots=True)
class SELinux:
    """The four parts of an SELinux label."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Linux capabilities without "CAP_"; "ALL" stands for every one that the runtime knows."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


class GroupsPolicy(StrEnum):
    """Whether the image's /etc/group adds to the supplementary groups."""

    MERGE = "merge"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class SandboxSecurity:
    """Identity and restrictions of the sandbox's own process; None leaves the choice to the image or the
    runtime.
    """

    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    groups_policy: GroupsPolicy = GroupsPolicy.MERGE
    readonly_rootfs: bool = False
    selinux: SELinux | None = None
    seccomp: SecurityProfile | None = None
    apparmor: SecurityProfile | None = None


@dataclass(frozen=True, slots=True)
class ContainerSecurity(SandboxSecurity):
    """Those of a container.

    run_as_username excludes run_as_user; empty path lists leave the runtime's defaults.
    """

    run_as_username: str = ""
    capabilities: Capabilities | None = None
    no_new_privs: bool = False
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
