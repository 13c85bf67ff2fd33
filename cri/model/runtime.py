# SPDX-License-Identifier: Apache-2.0
"""The runtime itself: who it is, how it is, what it can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CgroupDriver(StrEnum):
    """Who makes the cgroups: systemd, as slices and scopes, or the runtime, in the file system."""

    SYSTEMD = "systemd"
    CGROUPFS = "cgroupfs"


@dataclass(frozen=True, slots=True)
class RuntimeHandler:
    """A way to run pods, which run_sandbox may name; "" is the default one."""

    name: str
    recursive_readonly_mounts: bool = False
    user_namespaces: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """What the runtime can do. What it does not tell is False or empty.

    container_events: GetContainerEvents gives every event to every client (containerd from 2.0 on). In
    containerd 1.7 clients steal each other's events, which is no use; `Runtime.events` then follows
    containerd's own stream.
    """

    container_events: bool = False
    runtime_config: bool = False
    supplemental_groups_policy: bool = False
    user_namespaces_host_network: bool = False
    mount_options: bool = False
    handlers: tuple[RuntimeHandler, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """Name ("containerd"), version ("1.6.20") and version of the interface ("v1") that the runtime gives
    itself.
    """

    name: str
    version: str
    api_version: str


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What is asked at connect. cgroup_driver None: the runtime does not tell (containerd before 2.0)."""

    name: str
    version: str
    api_version: str
    cgroup_driver: CgroupDriver | None
    features: Features


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is or is not in order: RuntimeReady, NetworkReady, or one of the runtime's own."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""


READY_CONDITIONS = ("RuntimeReady", "NetworkReady")


@dataclass(frozen=True, slots=True)
class RuntimeStatus:
    """All conditions, and the handlers; info is the runtime's own, filled when asked for verbosely."""

    conditions: tuple[Condition, ...]
    handlers: tuple[RuntimeHandler, ...] = ()
    info: Mapping[str, str] = field(default_factory=dict)

    def condition(self, kind: str) -> Condition:
        """The condition of that type; one that the runtime does not state is not in order."""
        missing = Condition(
            kind, status=False, reason="NotReported", message=f"the runtime does not report {kind}"
        )
        return next((each for each in self.conditions if each.type == kind), missing)

    @property
    def ready(self) -> bool:
        """Whether pods can be run: both conditions that CRI requires hold."""
        return all(self.condition(kind).status for kind in READY_CONDITIONS)
