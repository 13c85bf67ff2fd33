# SPDX-License-Identifier: Apache-2.0
"""How a lab fares, read from its pid files and namespaces without touching anything."""

from lab import namespace, process
from lab.model import ControlPlaneStatus, LabSpec, LabStatus, NodeSpec, NodeStatus, ProcessStatus
from lab.paths import CONTROLPLANE, NodePaths, PlacePaths
from lab.service import CONTAINERD, NODE


def read(spec: LabSpec) -> LabStatus:
    """The state of everything that the lab keeps running."""
    supervisor = process.running(spec.paths.supervisor_pid)
    return LabStatus(
        name=spec.name,
        root=spec.paths.root,
        supervisor=supervisor.identity.pid if supervisor else None,
        nodes=tuple(_node(node, spec.paths.node(node.name)) for node in spec.nodes),
        controlplane=_controlplane(spec) if spec.controlplane else None,
    )


def _controlplane(spec: LabSpec) -> ControlPlaneStatus:
    paths = spec.paths.controlplane
    return ControlPlaneStatus(
        url=spec.api_url,
        namespace=namespace.inode(paths.namespace) is not None,
        process=_process(paths, CONTROLPLANE),
    )


def _node(node: NodeSpec, paths: NodePaths) -> NodeStatus:
    return NodeStatus(
        name=node.name,
        address=node.address,
        pod_cidr=node.pod_cidr,
        namespace=namespace.inode(paths.namespace) is not None,
        containerd=_process(paths, CONTAINERD),
        node=_process(paths, NODE),
    )


def _process(paths: PlacePaths, name: str) -> ProcessStatus:
    record = process.read_record(paths.pid_file(name))
    if record is None:
        return ProcessStatus()
    if not process.is_alive(record.identity):
        return ProcessStatus(restarts=record.restarts)
    return ProcessStatus(record.identity.pid, record.since, record.restarts)
