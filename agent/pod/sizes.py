# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds a pod and its containers to now."""

from contextlib import suppress

from agent.cgroup.errors import CgroupError
from agent.cgroup.manager import Cgroups
from agent.cgroup.model import CgroupLimits
from agent.pod.model import ObservedPod
from agent.pod.resize import Sizes
from cri.model import ContainerState

# The names of a container's cgroup below its pod's: cgroupfs and systemd driver.
_NAMES = ("{}", "cri-containerd-{}.scope")


def read_sizes(cgroups: Cgroups, pod: str, observed: ObservedPod) -> Sizes | None:
    """The limits of the pod's cgroup and of those of its running containers; None where the pod has none."""
    try:
        whole = cgroups.read(pod).limits
    except CgroupError:
        return None
    running = (c.status.id for c in observed.containers if c.status.state is ContainerState.RUNNING)
    found = {identity: _limits(cgroups, pod, identity) for identity in running}
    return Sizes(whole, {identity: limits for identity, limits in found.items() if limits is not None})


def _limits(cgroups: Cgroups, pod: str, identity: str) -> CgroupLimits | None:
    for name in _NAMES:
        with suppress(CgroupError):
            return cgroups.read(f"{pod}/{name.format(identity)}").limits
    return None
