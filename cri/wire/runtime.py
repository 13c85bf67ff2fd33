# SPDX-License-Identifier: Apache-2.0
"""The runtime's own state on the wire."""

from cri.model.runtime import CgroupDriver, Condition, Features, RuntimeHandler, RuntimeStatus, Version
from cri.v1 import runtime_calls_pb2, runtime_pb2

_DRIVERS = {runtime_pb2.SYSTEMD: CgroupDriver.SYSTEMD, runtime_pb2.CGROUPFS: CgroupDriver.CGROUPFS}


def version_from(answer: runtime_calls_pb2.VersionResponse) -> Version:
    """Who answers."""
    return Version(answer.runtime_name, answer.runtime_version, answer.runtime_api_version)


def status_from(answer: runtime_calls_pb2.StatusResponse) -> RuntimeStatus:
    """Conditions and handlers."""
    return RuntimeStatus(
        conditions=tuple(
            Condition(each.type, each.status, each.reason, each.message) for each in answer.status.conditions
        ),
        handlers=handlers_from(answer),
        info=dict(answer.info),
    )


def handlers_from(answer: runtime_calls_pb2.StatusResponse) -> tuple[RuntimeHandler, ...]:
    """The handlers that the runtime names; containerd before 2.0 names none."""
    return tuple(
        RuntimeHandler(each.name, each.features.recursive_read_only_mounts, each.features.user_namespaces)
        for each in answer.runtime_handlers
    )


def driver_from(answer: runtime_calls_pb2.RuntimeConfigResponse) -> CgroupDriver | None:
    """The cgroup driver, if the runtime tells one that we know."""
    return _DRIVERS.get(answer.linux.cgroup_driver) if answer.HasField("linux") else None


def features_from(
    version: Version, status: runtime_calls_pb2.StatusResponse, *, runtime_config: bool
) -> Features:
    """What the runtime can do, as far as it says so."""
    return Features(
        container_events=broadcasts_events(version),
        runtime_config=runtime_config,
        supplemental_groups_policy=status.features.supplemental_groups_policy,
        user_namespaces_host_network=status.features.user_namespaces_host_network,
        mount_options=status.features.mount_options,
        handlers=handlers_from(status),
    )


def broadcasts_events(version: Version) -> bool:
    """Whether GetContainerEvents can be relied on, which no call tells: hence by name and version.

    containerd 1.6 lacks it; in 1.7 all clients read from one channel, so that each event reaches one of them
    (containerd issue 7318, mended for 2.0 by pull request 9661). CRI-O's clients share a channel in the same
    way (its issue 6466).
    """
    major = version.version.removeprefix("v").partition(".")[0]
    return version.name == "containerd" and major.isdecimal() and int(major) >= 2
