# SPDX-License-Identifier: Apache-2.0
"""What the agent is told when it starts. Every root is a value here: nothing below reads a fixed path."""

from dataclasses import dataclass
from pathlib import Path

from agent.api.config import ApiConfig
from agent.image.config import ImageSettings
from agent.image.pull import PullBackoff
from agent.logs.rotate import RotationPolicy
from agent.node.config import NodeSettings
from agent.pod.restart import BackoffSettings
from agent.server.config import HttpsConfig


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One node's agent; seconds are floats, cgroup_root is a path within each cgroup hierarchy.

    state is for what must survive a reboot. api None: the node stands alone on its manifests. https None: with an API
    server what that needs, without one none. unsafe_sysctls are names, or prefixes that end in "*", that pods may set
    besides the safe ones.
    """

    node_name: str
    address: str
    runtime_socket: Path
    manifests: Path
    state: Path
    run: Path
    logs: Path
    cgroup_root: str
    cni_bin: Path
    cni_conf: Path
    cgroup_mount: Path = Path("/sys/fs/cgroup")
    resolv_conf: Path = Path("/etc/resolv.conf")
    unsafe_sysctls: tuple[str, ...] = ()
    relist_seconds: float = 10
    rescan_seconds: float = 20
    housekeeping_seconds: float = 60
    restart_backoff: BackoffSettings = BackoffSettings()
    pull_backoff: PullBackoff = PullBackoff()
    api: ApiConfig | None = None
    node: NodeSettings = NodeSettings()
    rotation: RotationPolicy = RotationPolicy()
    images: ImageSettings = ImageSettings()
    https: HttpsConfig | None = None

    @property
    def socket(self) -> Path:
        """Where the agent's HTTP interface listens."""
        return self.run / "agent.sock"
