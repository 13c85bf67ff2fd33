# SPDX-License-Identifier: Apache-2.0
"""What kubectl get prints of each kind: headings, and cells of objects in a known state. A * marks -o wide."""

from typing import Any

import pytest

from controlplane.registry.humanize import as_of
from tests.support.minimal_objects import STORED, Key
from tests.support.registry_objects import NOW, created, put, resource

Json = dict[str, Any]

WIDE_TEMPLATE = ("*Containers", "*Images")
IMAGE = "docker.io/local/busybox:1"

# kind, headings, changes of the prepared object, cells
TABLES: list[tuple[Key, tuple[str, ...], Json, tuple[object, ...]]] = [
    (("", "v1", "configmaps"), ("Name", "Data", "Age"), {"binaryData": {"c": ""}}, ("web", 2, "5m")),
    (
        ("", "v1", "endpoints"),
        ("Name", "Endpoints", "Age"),
        {"subsets.0.addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]},
        ("web", "10.0.0.1:80,[fd00::1]:80", "5m"),
    ),
    (
        ("", "v1", "events"),
        (
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "*Subobject",
            "*Source",
            "Message",
            "*First Seen",
            "*Count",
            "*Name",
        ),
        {
            "type": "Warning",
            "reason": "BackOff",
            "message": " it is off\n",
            "count": 4,
            "firstTimestamp": "2024-05-01T11:00:00Z",
            "lastTimestamp": "2024-05-01T11:59:00Z",
            "source": {"component": "kubelet", "host": "node1"},
            "involvedObject.fieldPath": "spec.containers{main}",
        },
        (
            "60s",
            "Warning",
            "BackOff",
            "pod/web",
            "spec.containers{main}",
            "kubelet, node1",
            "it is off",
            "60m",
            "4",
            "web",
        ),
    ),
    (
        ("events.k8s.io", "v1", "events"),
        (
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "*Subobject",
            "*Source",
            "Message",
            "*First Seen",
            "*Count",
            "*Name",
        ),
        {
            "series": {"count": 9, "lastObservedTime": "2024-05-01T11:59:50.000000Z"},
            "eventTime": "2024-05-01T11:00:00Z",
        },
        (
            "10s",
            "Normal",
            "Looked",
            "pod/web",
            "",
            "example.com/robot, robot-1",
            "all is well",
            "60m",
            "9",
            "web",
        ),
    ),
    (("", "v1", "limitranges"), ("Name", "Created At"), {}, ("web", "2024-05-01T11:55:00Z")),
    (("", "v1", "namespaces"), ("Name", "Status", "Age"), {}, ("web", "Active", "5m")),
    (
        ("", "v1", "nodes"),
        (
            "Name",
            "Status",
            "Roles",
            "Age",
            "Version",
            "*Internal-IP",
            "*External-IP",
            "*OS-Image",
            "*Kernel-Version",
            "*Container-Runtime",
        ),
        {
            "metadata.labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"},
            "spec.unschedulable": True,
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                "nodeInfo": {
                    "kubeletVersion": "v1.32.0",
                    "osImage": "Debian",
                    "kernelVersion": "6.18",
                    "containerRuntimeVersion": "containerd://1.6.20",
                },
            },
        },
        (
            "web",
            "Ready,SchedulingDisabled",
            "edge,worker",
            "5m",
            "v1.32.0",
            "10.0.0.1",
            "<none>",
            "Debian",
            "6.18",
            "containerd://1.6.20",
        ),
    ),
    (
        ("", "v1", "persistentvolumeclaims"),
        (
            "Name",
            "Status",
            "Volume",
            "Capacity",
            "Access Modes",
            "StorageClass",
            "VolumeAttributesClass",
            "Age",
            "*VolumeMode",
        ),
        {
            "spec.volumeName": "pv1",
            "spec.storageClassName": "fast",
            "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"]},
        },
        ("web", "Bound", "pv1", "2Gi", "RWO", "fast", "<unset>", "5m", "Filesystem"),
    ),
    (
        ("", "v1", "persistentvolumes"),
        (
            "Name",
            "Capacity",
            "Access Modes",
            "Reclaim Policy",
            "Status",
            "Claim",
            "StorageClass",
            "VolumeAttributesClass",
            "Reason",
            "Age",
            "*VolumeMode",
        ),
        {"spec.claimRef": {"namespace": "default", "name": "data"}, "metadata.deletionTimestamp": "now"},
        ("web", "1Gi", "RWO", "Retain", "Terminating", "default/data", "", "<unset>", "", "5m", "Filesystem"),
    ),
    (
        ("", "v1", "pods"),
        ("Name", "Ready", "Status", "Restarts", "Age", "*IP", "*Node", "*Nominated Node", "*Readiness Gates"),
        {"spec.nodeName": "node1", "status.podIP": "10.244.1.2"},
        ("web", "0/1", "Pending", "0", "5m", "10.244.1.2", "node1", "<none>", "<none>"),
    ),
    (
        ("", "v1", "podtemplates"),
        ("Name", "Containers", "Images", "Pod Labels"),
        {},
        ("web", "main", IMAGE, "app=web"),
    ),
    (
        ("", "v1", "replicationcontrollers"),
        ("Name", "Desired", "Current", "Ready", "Age", *WIDE_TEMPLATE, "*Selector"),
        {"status": {"replicas": 2, "readyReplicas": 1}},
        ("web", 1, 2, 1, "5m", "main", IMAGE, "app=web"),
    ),
    (
        ("", "v1", "resourcequotas"),
        ("Name", "Request", "Limit", "Age"),
        {"status": {"hard": {"limits.cpu": "2", "pods": "10", "cpu": "4"}, "used": {"pods": "1"}}},
        ("web", "cpu: 0/4, pods: 1/10", "limits.cpu: 0/2", "5m"),
    ),
    (("", "v1", "secrets"), ("Name", "Type", "Data", "Age"), {}, ("web", "Opaque", 1, "5m")),
    (("", "v1", "serviceaccounts"), ("Name", "Secrets", "Age"), {}, ("web", 0, "5m")),
    (
        ("", "v1", "services"),
        ("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "*Selector"),
        {"spec.clusterIP": "10.96.0.9", "spec.type": "NodePort", "spec.ports.0.nodePort": 30080},
        ("web", "NodePort", "10.96.0.9", "<none>", "80:30080/TCP", "5m", "app=web"),
    ),
    (
        ("apps", "v1", "controllerrevisions"),
        ("Name", "Controller", "Revision", "Age"),
        {
            "metadata.ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True}
            ]
        },
        ("web", "statefulset.apps/db", 1, "5m"),
    ),
    (
        ("apps", "v1", "daemonsets"),
        (
            "Name",
            "Desired",
            "Current",
            "Ready",
            "Up-to-date",
            "Available",
            "Node Selector",
            "Age",
            *WIDE_TEMPLATE,
            "*Selector",
        ),
        {"status.desiredNumberScheduled": 3, "spec.template.spec.nodeSelector": {"disk": "ssd"}},
        ("web", 3, 0, 0, 0, 0, "disk=ssd", "5m", "main", IMAGE, "app=web"),
    ),
    (
        ("apps", "v1", "deployments"),
        ("Name", "Ready", "Up-to-date", "Available", "Age", *WIDE_TEMPLATE, "*Selector"),
        {"status": {"readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}, "spec.replicas": 2},
        ("web", "1/2", 1, 1, "5m", "main", IMAGE, "app=web"),
    ),
    (
        ("apps", "v1", "replicasets"),
        ("Name", "Desired", "Current", "Ready", "Age", *WIDE_TEMPLATE, "*Selector"),
        {},
        ("web", 1, 0, 0, "5m", "main", IMAGE, "app=web"),
    ),
    (
        ("apps", "v1", "statefulsets"),
        ("Name", "Ready", "Age", *WIDE_TEMPLATE),
        {"status.readyReplicas": 1},
        ("web", "1/1", "5m", "main", IMAGE),
    ),
    *(
        (
            ("autoscaling", version, "horizontalpodautoscalers"),
            ("Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"),
            {
                "status.currentMetrics": [
                    {"resource": {"name": "cpu", "current": {"averageUtilization": 12}}}
                ],
                "status.currentReplicas": 2,
            },
            ("web", "Deployment/web", "cpu: 12%/80%", "1", 3, 2, "5m"),
        )
        for version in ("v2", "v1")
    ),
    (
        ("batch", "v1", "jobs"),
        ("Name", "Status", "Completions", "Duration", "Age", *WIDE_TEMPLATE, "*Selector"),
        {
            "status": {
                "succeeded": 1,
                "startTime": "2024-05-01T11:55:00Z",
                "completionTime": "2024-05-01T11:55:12Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
            "spec.selector": {"matchLabels": {"a": "b"}},
        },
        ("web", "Complete", "1/1", "12s", "5m", "main", IMAGE, "a=b"),
    ),
    (
        ("batch", "v1", "cronjobs"),
        (
            "Name",
            "Schedule",
            "Timezone",
            "Suspend",
            "Active",
            "Last Schedule",
            "Age",
            *WIDE_TEMPLATE,
            "*Selector",
        ),
        {"status.lastScheduleTime": "2024-05-01T11:59:30Z", "status.active": [{}]},
        ("web", "*/5 * * * *", "<none>", "False", 1, "30s", "5m", "main", IMAGE, "<none>"),
    ),
    (
        ("certificates.k8s.io", "v1", "certificatesigningrequests"),
        ("Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition"),
        {
            "spec.username": "jane",
            "spec.expirationSeconds": 86400,
            "status": {"conditions": [{"type": "Approved"}], "certificate": "AA=="},
        },
        ("web", "5m", "kubernetes.io/kube-apiserver-client", "jane", "24h", "Approved,Issued"),
    ),
    (
        ("networking.k8s.io", "v1", "ingresses"),
        ("Name", "Class", "Hosts", "Address", "Ports", "Age"),
        {
            "spec.rules": [{"host": "a.example"}, {"host": "b.example"}],
            "spec.tls": [{}],
            "spec.ingressClassName": "fast",
            "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}},
        },
        ("web", "fast", "a.example,b.example", "10.0.0.9", "80, 443", "5m"),
    ),
    (
        ("networking.k8s.io", "v1", "ingressclasses"),
        ("Name", "Controller", "Parameters", "Age"),
        {"spec.parameters": {"apiGroup": "example.com", "kind": "Params", "name": "a"}},
        ("web", "example.com/ingress", "Params.example.com/a", "5m"),
    ),
    (
        ("networking.k8s.io", "v1", "networkpolicies"),
        ("Name", "Pod-Selector", "Age"),
        {"spec.podSelector": {"matchLabels": {"a": "b"}}},
        ("web", "a=b", "5m"),
    ),
    (
        ("policy", "v1", "poddisruptionbudgets"),
        ("Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"),
        {"status.disruptionsAllowed": 2},
        ("web", "1", "N/A", 2, "5m"),
    ),
    (
        ("rbac.authorization.k8s.io", "v1", "roles"),
        ("Name", "Created At"),
        {},
        ("web", "2024-05-01T11:55:00Z"),
    ),
    (
        ("rbac.authorization.k8s.io", "v1", "clusterroles"),
        ("Name", "Created At"),
        {},
        ("web", "2024-05-01T11:55:00Z"),
    ),
    (
        ("rbac.authorization.k8s.io", "v1", "rolebindings"),
        ("Name", "Role", "Age", "*Users", "*Groups", "*ServiceAccounts"),
        {},
        ("web", "ClusterRole/view", "5m", "jane", "", ""),
    ),
    (
        ("rbac.authorization.k8s.io", "v1", "clusterrolebindings"),
        ("Name", "Role", "Age", "*Users", "*Groups", "*ServiceAccounts"),
        {},
        ("web", "ClusterRole/view", "5m", "", "", "default/default"),
    ),
    (("coordination.k8s.io", "v1", "leases"), ("Name", "Holder", "Age"), {}, ("web", "node1", "5m")),
    (
        ("discovery.k8s.io", "v1", "endpointslices"),
        ("Name", "AddressType", "Ports", "Endpoints", "Age"),
        {"endpoints": [{"addresses": [f"10.0.0.{n}"]} for n in range(1, 6)]},
        ("web", "IPv4", "80", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...", "5m"),
    ),
    (("node.k8s.io", "v1", "runtimeclasses"), ("Name", "Handler", "Age"), {}, ("web", "runc", "5m")),
    (
        ("scheduling.k8s.io", "v1", "priorityclasses"),
        ("Name", "Value", "Global-Default", "Age", "PreemptionPolicy"),
        {},
        ("web", 100, False, "5m", "PreemptLowerPriority"),
    ),
    (
        ("storage.k8s.io", "v1", "storageclasses"),
        ("Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"),
        {"metadata.annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        ("web (default)", "example.com/disk", "Delete", "Immediate", "false", "5m"),
    ),
    (
        ("storage.k8s.io", "v1", "csidrivers"),
        (
            "Name",
            "AttachRequired",
            "PodInfoOnMount",
            "StorageCapacity",
            "TokenRequests",
            "RequiresRepublish",
            "Modes",
            "Age",
        ),
        {},
        ("web", True, False, False, "<unset>", False, "Persistent", "5m"),
    ),
    (("storage.k8s.io", "v1", "csinodes"), ("Name", "Drivers", "Age"), {}, ("web", 0, "5m")),
    (
        ("storage.k8s.io", "v1", "csistoragecapacities"),
        ("Name", "StorageClassName", "Capacity"),
        {},
        ("web", "fast", "<unset>"),
    ),
    (
        ("storage.k8s.io", "v1", "volumeattachments"),
        ("Name", "Attacher", "PV", "Node", "Attached", "Age"),
        {},
        ("web", "example.com", "pv1", "node1", False, "5m"),
    ),
]


def test_every_kind_has_a_table_here() -> None:
    assert {row[0] for row in TABLES} == set(STORED)


@pytest.mark.parametrize(
    ("key", "headings", "changes", "cells"), TABLES, ids=["/".join(r[0]) for r in TABLES]
)
def test_table(key: Key, headings: tuple[str, ...], changes: Json, cells: tuple[object, ...]) -> None:
    obj = created(key)
    for path, value in changes.items():
        put(obj, path, value)
    columns = resource(key).columns
    assert tuple(f"{'*' * column.priority}{column.name}" for column in columns) == headings
    with as_of(NOW):
        assert tuple(column.value(obj) for column in columns) == cells


def _cell(key: Key, heading: str, changes: Json) -> object:
    obj = created(key)
    for path, value in changes.items():
        put(obj, path, value)
    column = next(column for column in resource(key).columns if column.name == heading)
    with as_of(NOW):
        return column.value(obj)


SERVICES, JOBS, HPA = (
    ("", "v1", "services"),
    ("batch", "v1", "jobs"),
    ("autoscaling", "v2", "horizontalpodautoscalers"),
)
LB = {"spec.type": "LoadBalancer"}

CELLS: list[tuple[Key, str, Json, object]] = [
    (SERVICES, "Cluster-IP", {}, "<none>"),
    (SERVICES, "Cluster-IP", {"spec.clusterIP": "None"}, "None"),
    (SERVICES, "External-IP", LB, "<pending>"),
    (SERVICES, "External-IP", {**LB, "status.loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, "1.2.3.4"),
    (SERVICES, "External-IP", {**LB, "spec.externalIPs": ["5.6.7.8"]}, "5.6.7.8"),
    (SERVICES, "External-IP", {"spec.type": "ExternalName", "spec.externalName": "a.example"}, "a.example"),
    (SERVICES, "Port(s)", {"spec.ports": []}, "<none>"),
    (SERVICES, "Selector", {"spec.selector": None}, "<none>"),
    (("", "v1", "nodes"), "Status", {}, "Unknown"),
    (
        ("", "v1", "nodes"),
        "Status",
        {"status.conditions": [{"type": "Ready", "status": "Unknown"}]},
        "NotReady",
    ),
    (("", "v1", "nodes"), "Roles", {}, "<none>"),
    (("", "v1", "endpoints"), "Endpoints", {"subsets": None}, "<none>"),
    (("", "v1", "endpoints"), "Endpoints", {"subsets.0.ports": None}, "10.244.1.2"),
    (("", "v1", "events"), "Last Seen", {}, "<unknown>"),
    (("networking.k8s.io", "v1", "ingresses"), "Hosts", {}, "*"),
    (
        ("networking.k8s.io", "v1", "ingresses"),
        "Hosts",
        {"spec.rules": [{"host": f"{n}.example"} for n in "abcde"]},
        "a.example,b.example,c.example + 2 more...",
    ),
    (("discovery.k8s.io", "v1", "endpointslices"), "Endpoints", {"endpoints": None}, "<unset>"),
    (("discovery.k8s.io", "v1", "endpointslices"), "Ports", {"ports": [{"name": "a"}]}, "*"),
    (JOBS, "Status", {"metadata.deletionTimestamp": "x"}, "Terminating"),
    (JOBS, "Status", {"status.conditions": [{"type": "Suspended", "status": "True"}]}, "Suspended"),
    (JOBS, "Status", {}, "Running"),
    (JOBS, "Completions", {"spec.completions": None, "spec.parallelism": 3}, "0/1 of 3"),
    (JOBS, "Completions", {"spec.completions": None}, "0/1"),
    (JOBS, "Duration", {"status.startTime": "2024-05-01T11:59:00Z"}, "60s"),
    (JOBS, "Duration", {}, ""),
    (("certificates.k8s.io", "v1", "certificatesigningrequests"), "Condition", {}, "Pending"),
    (
        ("certificates.k8s.io", "v1", "certificatesigningrequests"),
        "Condition",
        {"status.conditions": [{"type": "Denied"}, {"type": "Failed"}]},
        "Denied,Failed",
    ),
    (HPA, "Targets", {"spec.metrics": []}, "<none>"),
    (
        HPA,
        "Targets",
        {
            "spec.metrics": [
                {"type": "Pods", "pods": {"target": {"type": "AverageValue", "averageValue": "10"}}}
            ]
        },
        "<unknown>/10",
    ),
    (
        HPA,
        "Targets",
        {
            "spec.metrics": [
                {"type": "External", "external": {"target": {"type": "AverageValue", "averageValue": "10"}}},
                {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "1Gi"}}},
                {"type": "Object", "object": {"target": {"type": "Value", "value": "10"}}},
            ]
        },
        "<unknown>/10 (avg), memory: <unknown>/1Gi + 1 more...",
    ),
]


@pytest.mark.parametrize(("key", "heading", "changes", "cell"), CELLS)
def test_cell(key: Key, heading: str, changes: Json, cell: object) -> None:
    assert _cell(key, heading, changes) == cell
