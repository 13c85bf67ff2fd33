# SPDX-License-Identifier: Apache-2.0
"""Where a lab's files, sockets, cgroups and namespaces are; other components use these names."""

from dataclasses import dataclass
from pathlib import Path

SPEC_FILE = "lab.json"
SWITCH = "switch"
CONTROLPLANE = "controlplane"


@dataclass(frozen=True, slots=True)
class PlacePaths:
    """Where the files of a place on the switch are, a node or the control plane: all below <lab root>/<name>."""

    lab: "LabPaths"
    name: str

    @property
    def folder(self) -> Path:
        """<root>/<name>."""
        return self.lab.root / self.name

    @property
    def namespace(self) -> Path:
        """The place's network namespace: a bind mount below the lab's root."""
        return self.folder / "netns"

    @property
    def namespace_link(self) -> Path:
        """The name by which `ip netns` knows it: a symbolic link to `namespace`."""
        return self.lab.netns_folder / f"{self.lab.name}-{self.name}"

    @property
    def cgroup(self) -> str:
        """The place's cgroup, a path within each hierarchy."""
        return f"{self.lab.cgroup}/{self.name}"

    @property
    def run(self) -> Path:
        """Sockets and pid files."""
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        """Log files of the place's processes."""
        return self.folder / "log"

    def pid_file(self, service: str) -> Path:
        """Which process runs `service`."""
        return self.run / f"{service}.pid"

    def log_file(self, service: str) -> Path:
        """What `service` printed."""
        return self.logs / f"{service}.log"


@dataclass(frozen=True, slots=True)
class ControlPlanePaths(PlacePaths):
    """Where the control plane's files are."""

    @property
    def config(self) -> Path:
        """controlplane.yaml, written by the lab and read by `orlop controlplane`."""
        return self.folder / "controlplane.yaml"

    @property
    def pki(self) -> Path:
        """The folder of its certificates and keys."""
        return self.folder / "pki"

    @property
    def store(self) -> Path:
        """The SQLite file of all objects."""
        return self.folder / "store.db"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for clients on the host."""
        return self.folder / "kubeconfig"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that the lab makes for the control plane, parents first."""
        return (self.folder, self.run, self.logs)


@dataclass(frozen=True, slots=True)
class NodePaths(PlacePaths):
    """Where one node's files are: everything is below <lab root>/<node>."""

    @property
    def config(self) -> Path:
        """node.yaml, written by the lab and read by `orlop node`."""
        return self.folder / "node.yaml"

    @property
    def containerd(self) -> Path:
        """The folder of containerd's configuration, root, state and socket."""
        return self.folder / "containerd"

    @property
    def containerd_config(self) -> Path:
        """containerd's configuration."""
        return self.containerd / "config.toml"

    @property
    def containerd_root(self) -> Path:
        """containerd's persistent data: images, snapshots, metadata."""
        return self.containerd / "root"

    @property
    def containerd_state(self) -> Path:
        """containerd's data of running containers: bundles, mounts, pods' network namespaces."""
        return self.containerd / "state"

    @property
    def containerd_socket(self) -> Path:
        """containerd's gRPC socket, CRI included."""
        return self.containerd / "containerd.sock"

    @property
    def registry_hosts(self) -> Path:
        """certs.d: containerd's folder of registry host configurations (hosts.toml)."""
        return self.containerd / "certs.d"

    @property
    def cni_bin(self) -> Path:
        """The folder of CNI plugins."""
        return self.folder / "cni" / "bin"

    @property
    def cni_conf(self) -> Path:
        """The folder of CNI configurations."""
        return self.folder / "cni" / "net.d"

    @property
    def manifests(self) -> Path:
        """The folder of Pod manifests."""
        return self.folder / "manifests"

    @property
    def agent_socket(self) -> Path:
        """Where the agent answers the CLI."""
        return self.run / "agent.sock"

    @property
    def netd_socket(self) -> Path:
        """Where the network daemon answers the CNI shim."""
        return self.run / "netd.sock"

    @property
    def identity(self) -> Path:
        """The folder of the node's certificates and keys, which only root may open."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """Who the node is to the control plane."""
        return self.identity / "kubeconfig"

    @property
    def serving_certificate(self) -> Path:
        """The certificate of the node's port for logs and streams."""
        return self.identity / "serving.crt"

    @property
    def serving_key(self) -> Path:
        """Its key."""
        return self.identity / "serving.key"

    @property
    def authority(self) -> Path:
        """The certificate of the cluster's authority."""
        return self.identity / "ca.crt"

    @property
    def state(self) -> Path:
        """What must survive a restart."""
        return self.folder / "state"

    @property
    def agent_state(self) -> Path:
        """The agent's checkpoints."""
        return self.state / "agent"

    @property
    def netplugin_state(self) -> Path:
        """Address allocations."""
        return self.state / "netplugin"

    @property
    def pod_logs(self) -> Path:
        """Containers' logs in the kubelet's layout."""
        return self.logs / "pods"

    @property
    def container_logs(self) -> Path:
        """Links to containers' logs, as the kubelet keeps them."""
        return self.logs / "containers"

    def service_cgroup(self, service: str) -> str:
        """The cgroup of one of the node's own processes; a leaf, as cgroup v2 wants it."""
        return f"{self.cgroup}/{service}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that the lab makes for a node, parents first."""
        return (
            self.folder,
            self.containerd,
            self.containerd_root,
            self.containerd_state,
            self.registry_hosts,
            self.cni_bin.parent,
            self.cni_bin,
            self.cni_conf,
            self.manifests,
            self.run,
            self.state,
            self.agent_state,
            self.netplugin_state,
            self.logs,
            self.pod_logs,
            self.container_logs,
        )


@dataclass(frozen=True, slots=True)
class LabPaths:
    """Where a lab's files are. netns_folder is where `ip netns` looks."""

    name: str
    root: Path
    node_names: tuple[str, ...] = ()
    netns_folder: Path = Path("/run/netns")

    @property
    def spec(self) -> Path:
        """lab.json: the specification, and the mark that the folder is a lab's."""
        return self.root / SPEC_FILE

    @property
    def supervisor_pid(self) -> Path:
        """Which process is the supervisor."""
        return self.root / "supervisor.pid"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor for as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor did."""
        return self.root / "supervisor.log"

    @property
    def switch_namespace(self) -> Path:
        """The network namespace of the switch: a bind mount below the lab's root."""
        return self.root / SWITCH / "netns"

    @property
    def switch_link(self) -> Path:
        """The name by which `ip netns` knows the switch's namespace."""
        return self.netns_folder / f"{self.name}-{SWITCH}"

    @property
    def cgroup(self) -> str:
        """The lab's cgroup, a path within each hierarchy."""
        return f"/orlop-{self.name}"

    @property
    def supervisor_cgroup(self) -> str:
        """The supervisor's cgroup."""
        return f"{self.cgroup}/supervisor"

    def node(self, name: str) -> NodePaths:
        """Where the files of node `name` are."""
        return NodePaths(self, name)

    @property
    def nodes(self) -> tuple[NodePaths, ...]:
        """Where the files of each node are."""
        return tuple(self.node(name) for name in self.node_names)

    @property
    def controlplane(self) -> ControlPlanePaths:
        """Where the control plane's files are, if the lab has one."""
        return ControlPlanePaths(self, CONTROLPLANE)
