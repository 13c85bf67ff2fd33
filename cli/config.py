# SPDX-License-Identifier: Apache-2.0
"""The node's configuration file (orlop.dev/v1alpha1 NodeConfig), read strictly, and what each component gets of it."""

from pathlib import Path
from typing import Literal

import msgspec
import yaml

from agent.config import AgentConfig
from agent.image.pull import PullBackoff
from agent.pod.restart import BackoffSettings
from cli.errors import CliError
from netplugin.config import Settings


class RuntimeSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the container runtime is reached."""

    socket: str


class NetworkSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The pod network of this node."""

    name: str
    podCIDRs: list[str]  # noqa: N815 - the names of the file are the field's usual ones
    nonMasqueradeCIDRs: list[str]  # noqa: N815
    cniBin: str  # noqa: N815
    cniConf: str  # noqa: N815
    bridge: str = "orlop0"
    mtu: int = 0
    gcMinAge: int = 60  # noqa: N815


class BackoffSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The delays of CrashLoopBackOff and ImagePullBackOff, in seconds."""

    initial: float = 10
    maximum: float = 300
    resetAfter: float = 600  # noqa: N815


class NodeConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file; paths are absolute, cgroupRoot is a path within each cgroup hierarchy."""

    apiVersion: Literal["orlop.dev/v1alpha1"]  # noqa: N815
    kind: Literal["NodeConfig"]
    name: str
    runtime: RuntimeSection
    manifests: str
    state: str
    run: str
    logs: str
    cgroupRoot: str  # noqa: N815
    network: NetworkSection
    address: str = ""
    relistSeconds: float = 10  # noqa: N815
    housekeepingSeconds: float = 60  # noqa: N815
    backoff: BackoffSection = BackoffSection()


def read_config(path: Path) -> NodeConfig:
    """Read and check the file; raises CliError that names the file, the field and what is accepted."""
    try:
        data = yaml.safe_load(path.read_bytes())
        return msgspec.convert(data, NodeConfig)
    except OSError as error:
        raise CliError(f"cannot read the node configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise CliError(f"cannot use the node configuration {path}: {error}") from error


def agent_config(config: NodeConfig) -> AgentConfig:
    """What the agent is told."""
    delays = config.backoff
    return AgentConfig(
        node_name=config.name,
        address=config.address,
        runtime_socket=Path(config.runtime.socket),
        manifests=Path(config.manifests),
        run=Path(config.run),
        logs=Path(config.logs),
        cgroup_root=config.cgroupRoot,
        cni_bin=Path(config.network.cniBin),
        cni_conf=Path(config.network.cniConf),
        relist_seconds=config.relistSeconds,
        housekeeping_seconds=config.housekeepingSeconds,
        restart_backoff=BackoffSettings(delays.initial, delays.maximum, delays.resetAfter),
        pull_backoff=PullBackoff(delays.initial, delays.maximum),
    )


def network_settings(config: NodeConfig) -> Settings:
    """What the network plugin is told."""
    network = config.network
    return Settings(
        network=network.name,
        bridge=network.bridge,
        pod_cidrs=tuple(network.podCIDRs),
        non_masquerade_cidrs=tuple(network.nonMasqueradeCIDRs),
        mtu=network.mtu,
        state_dir=Path(config.state) / "netplugin",
        socket=Path(config.run) / "netd.sock",
        cni_bin_dir=Path(network.cniBin),
        cni_conf_dir=Path(network.cniConf),
        gc_min_age=network.gcMinAge,
    )
