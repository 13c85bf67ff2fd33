# SPDX-License-Identifier: Apache-2.0
"""Pods as Deployments make them, for benchmarks that need thousands."""

from typing import Any

Json = dict[str, Any]


def pod(name: str, node: str = "") -> Json:
    """A pod of about the size that is common: labels, an owner, resources, a probe and a volume."""
    container = {
        "name": "web",
        "image": "registry.example.com/shop/web:1.27.3",
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "eu-central-1"}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"memory": "64Mi"},
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    spec: Json = {"containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    if node:
        spec["nodeName"] = node
    labels = {"app": "web", "app.kubernetes.io/part-of": "shop", "pod-template-hash": "6d4cf56db6"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": spec,
    }


def running(address: str, since: str) -> Json:
    """The status that a node reports for it."""
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": since}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    container = {
        "name": "web",
        "image": "registry.example.com/shop/web:1.27.3",
        "imageID": "registry.example.com/shop/web@sha256:" + "0" * 64,
        "containerID": "containerd://" + "0" * 64,
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": since}},
    }
    return {
        "phase": "Running",
        "hostIP": "10.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": since,
        "conditions": conditions,
        "containerStatuses": [container],
    }
