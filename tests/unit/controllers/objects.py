# SPDX-License-Identifier: Apache-2.0
"""Objects for the tests of controllers, with no more in them than the test says."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.controllers.meta import format_time

Json = dict[str, Any]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


def at(seconds: float) -> str:
    """A time so many seconds after NOW, as the API writes it."""
    return format_time(NOW + timedelta(seconds=seconds))


def metadata(name: str, namespace: str = "default", owner: Json | None = None, **more: Any) -> Json:
    number = next(_numbers)
    meta: Json = {
        "name": name,
        "uid": f"uid-{number}",
        "resourceVersion": str(number),
        "creationTimestamp": at(-1000),
    }
    if namespace:
        meta["namespace"] = namespace
    if owner:
        meta["ownerReferences"] = [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return {**meta, **more}


def replicaset(name: str = "web", replicas: int = 3, **spec: Any) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata(name, generation=1),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c"}]}},
            **spec,
        },
    }


def pod(
    name: str,
    *,
    owner: Json | None = None,
    node: str = "",
    phase: str = "Pending",
    ready: float | None = None,
    labels: Json | None = None,
    **spec: Any,
) -> Json:
    """ready is since when, in seconds after NOW."""
    conditions = []
    if ready is not None:
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": at(ready)}]
        phase = "Running"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(name, owner=owner, labels=labels if labels is not None else {"app": "web"}),
        "spec": {**({"nodeName": node} if node else {}), "containers": [{"name": "c"}], **spec},
        "status": {"phase": phase, "conditions": conditions},
    }


def going(obj: Json) -> Json:
    """The object with its deletion begun."""
    return {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": at(0)}}


def node(name: str, **more: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata(name, "", labels={"kubernetes.io/hostname": name}),
        "spec": {},
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
        **more,
    }
