# SPDX-License-Identifier: Apache-2.0
"""The pod's /etc/hosts: a file of the pod that is mounted into each of its containers."""

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.pod.facts import PodFacts
from agent.pod.names import hosts_file
from agent.volume.mounts import HOSTS
from agent.volume.node import VolumeNode
from agent.volume.paths import PodFolders
from agent.volume.sources import AnyContainer
from cri.model import Mount


def hosts_mount(
    pod: core_v1.Pod, container: AnyContainer, folders: PodFolders, node: VolumeNode, facts: PodFacts
) -> Mount | None:
    """The mount; None when the pod has no address yet, or when the container mounts something there itself."""
    own = any(mount.mountPath.rstrip("/") == HOSTS for mount in container.volumeMounts or ())
    if own or not (facts.pod_ips or spec_of(pod).hostNetwork):
        return None
    return Mount(HOSTS, str(folders.hosts), selinux_relabel=node.selinux)


def write_hosts(pod: core_v1.Pod, folders: PodFolders, node: VolumeNode, facts: PodFacts) -> None:
    """Bring the file up to date in place: containers have this very file mounted, not its name."""
    node_hosts = node.hosts.read_text(errors="surrogateescape") if spec_of(pod).hostNetwork else ""
    text = hosts_file(pod, facts.pod_ips, node.cluster_domain, node_hosts)
    data = text.encode(errors="surrogateescape")
    if folders.hosts.is_file() and folders.hosts.read_bytes() == data:
        return
    folders.pod.mkdir(parents=True, exist_ok=True)
    folders.hosts.write_bytes(data)
    folders.hosts.chmod(0o644)
