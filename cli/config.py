# SPDX-License-Identifier: Apache-2.0
"""The node's configuration file (orlop.dev/v1alpha1 NodeConfig), read strictly, and what each component gets of it."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from agent.api.config import ApiConfig
from agent.config import AgentConfig
from agent.errors import AgentError
from agent.image.config import ImageSettings
from agent.image.gc import GcPolicy
from agent.image.pull import PullBackoff
from agent.logs.rotate import RotationPolicy
from agent.node.config import KUBELET_EVICTION, MAX_PODS, NodeSettings, Taint
from agent.node.thresholds import check_settings
from agent.pod.restart import BackoffSettings
from agent.server.config import HttpsConfig
from cli.errors import CliError
from cli.nodechecks import NETD_SOCKET, check_node
from kube import quantity
from kube.errors import QuantityError
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


class ApiSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The API server that the node joins, and where that reaches it."""

    kubeconfig: str
    servingCertificate: str  # noqa: N815
    servingKey: str  # noqa: N815
    clientAuthority: str  # noqa: N815
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 10250
    clusterDNS: list[str] = []  # noqa: N815 - msgspec copies it
    clusterDomain: str = "cluster.local"  # noqa: N815


class TaintSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A taint of the node, from its registration on."""

    key: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    value: str = ""


class NodeSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the node says of itself; amounts are quantities by resource, thresholds by the kubelet's signals."""

    labels: dict[str, str] = {}
    taints: list[TaintSection] = []
    providerID: str = ""  # noqa: N815
    maxPods: Annotated[int, msgspec.Meta(ge=1)] = MAX_PODS  # noqa: N815
    kubeReserved: dict[str, str] = {}  # noqa: N815
    systemReserved: dict[str, str] = {}  # noqa: N815
    evictionHard: dict[str, str] = msgspec.field(default_factory=lambda: dict(KUBELET_EVICTION))  # noqa: N815


class LogSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When containers' logs are rotated: the size of one file, and how many files are kept."""

    maxSize: str = "10Mi"  # noqa: N815
    maxFiles: Annotated[int, msgspec.Meta(ge=1)] = 5  # noqa: N815


class ImageSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Pulls and garbage collection of images; ages are seconds, percents of the disk, maxAge 0 is no limit."""

    parallelPulls: Annotated[int, msgspec.Meta(ge=1)] = 4  # noqa: N815
    credentials: str = ""
    credentialProviders: str = ""  # noqa: N815
    credentialProviderBin: str = ""  # noqa: N815
    gcHighPercent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 85  # noqa: N815
    gcLowPercent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 80  # noqa: N815
    gcMinAge: float = 120  # noqa: N815
    gcMaxAge: float = 0  # noqa: N815


class HttpsSection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The node's port for those who look at it; an API server's own needs are in section api."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 10250
    host: str = "0.0.0.0"
    certificate: str = ""
    key: str = ""
    clientAuthority: str = ""  # noqa: N815
    groups: list[str] = msgspec.field(default_factory=lambda: ["system:masters"])
    logsFolder: str = ""  # noqa: N815


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
    api: ApiSection | None = None
    node: NodeSection = NodeSection()
    logRotation: LogSection = LogSection()  # noqa: N815
    images: ImageSection = ImageSection()
    https: HttpsSection | None = None


def read_config(path: Path) -> NodeConfig:
    """Read and check the file; raises CliError that names the file, the field and what is accepted."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"cannot read the node configuration {path}: {error}") from error
    return parse_config(text, str(path))


def parse_config(text: str, path: str, *, alone: bool = False) -> NodeConfig:
    """The same for a text; alone leaves the API server out."""
    try:
        data = yaml.safe_load(text)
        if alone:
            del data["api"]
        config = msgspec.convert(data, NodeConfig)
        agent_config(config)
    except (yaml.YAMLError, msgspec.ValidationError, AgentError, QuantityError) as error:
        raise CliError(f"cannot use the node configuration {path}: {error}") from error
    if problems := list(check_node(config, network_settings(config))):
        raise CliError(f"cannot use the node configuration {path}: {'; '.join(problems)}")
    return config


def agent_config(config: NodeConfig) -> AgentConfig:
    """What the agent is told."""
    delays = config.backoff
    return AgentConfig(
        node_name=config.name,
        address=config.address,
        runtime_socket=Path(config.runtime.socket),
        manifests=Path(config.manifests),
        state=Path(config.state) / "agent",
        run=Path(config.run),
        logs=Path(config.logs),
        cgroup_root=config.cgroupRoot,
        cni_bin=Path(config.network.cniBin),
        cni_conf=Path(config.network.cniConf),
        relist_seconds=config.relistSeconds,
        housekeeping_seconds=config.housekeepingSeconds,
        restart_backoff=BackoffSettings(delays.initial, delays.maximum, delays.resetAfter),
        pull_backoff=PullBackoff(delays.initial, delays.maximum),
        api=_api_config(config.api) if config.api else None,
        node=node_settings(config),
        rotation=_rotation(config.logRotation),
        images=_images(config.images),
        https=_https(config, config.https) if config.https else None,
    )


def _rotation(section: LogSection) -> RotationPolicy:
    return RotationPolicy(quantity.parse(section.maxSize).value(), section.maxFiles)


def _images(section: ImageSection) -> ImageSettings:
    return ImageSettings(
        section.parallelPulls,
        _path(section.credentials),
        _path(section.credentialProviders),
        _path(section.credentialProviderBin),
        GcPolicy(section.gcHighPercent, section.gcLowPercent, section.gcMinAge, section.gcMaxAge),
    )


def _https(config: NodeConfig, section: HttpsSection) -> HttpsConfig:
    """What an API server needs is taken from its section, unless this one says otherwise."""
    api = config.api
    return HttpsConfig(
        pki=Path(config.state) / "agent" / "pki",
        host=section.host,
        port=section.port,
        certificate=_path(section.certificate or (api.servingCertificate if api else "")),
        key=_path(section.key or (api.servingKey if api else "")),
        client_authority=_path(section.clientAuthority or (api.clientAuthority if api else "")),
        groups=frozenset(section.groups),
        logs_folder=_path(section.logsFolder),
    )


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _api_config(api: ApiSection) -> ApiConfig:
    return ApiConfig(
        kubeconfig=Path(api.kubeconfig),
        serving_certificate=Path(api.servingCertificate),
        serving_key=Path(api.servingKey),
        client_authority=Path(api.clientAuthority),
        port=api.port,
        cluster_dns=tuple(api.clusterDNS),
        cluster_domain=api.clusterDomain,
    )


def node_settings(config: NodeConfig) -> NodeSettings:
    """What the node says of itself. Raises AgentError for amounts and thresholds that are none."""
    node = config.node
    return check_settings(
        NodeSettings(
            labels=node.labels,
            taints=tuple(Taint(taint.key, taint.value, taint.effect) for taint in node.taints),
            pod_cidrs=tuple(config.network.podCIDRs),
            provider_id=node.providerID,
            max_pods=node.maxPods,
            kube_reserved=node.kubeReserved,
            system_reserved=node.systemReserved,
            eviction_hard=node.evictionHard,
        )
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
        socket=Path(config.run) / NETD_SOCKET,
        cni_bin_dir=Path(network.cniBin),
        cni_conf_dir=Path(network.cniConf),
        gc_min_age=network.gcMinAge,
    )
