# SPDX-License-Identifier: Apache-2.0
"""A cluster as plain values, in which a test carries plans out one by one and lets things happen to pods."""

import copy
import itertools
from datetime import datetime, timedelta
from typing import Any

from controlplane.controllers import meta, progress, replicaset, revisions
from controlplane.controllers.deployment import plan as plan_deployment
from controlplane.controllers.meta import format_time
from controlplane.controllers.operations import Create, Delete, Operation, Patch, Update
from kube.kinds import DEPLOYMENTS, PODS, REPLICA_SETS, Kind
from tests.unit.controllers.objects import NOW, metadata

Json = dict[str, Any]


class World:
    def __init__(self) -> None:
        self.objects: dict[tuple[Kind, str], Json] = {}
        self.now: datetime = NOW
        self._numbers = itertools.count(1)

    def put(self, kind: Kind, obj: Json) -> Json:
        self.objects[kind, obj["metadata"]["name"]] = obj
        return obj

    def all(self, kind: Kind) -> list[Json]:
        return [obj for (of, _), obj in self.objects.items() if of is kind]

    def owned(self, kind: Kind, owner: Json) -> list[Json]:
        return [obj for obj in self.all(kind) if meta.controller_uids(obj) == [owner["metadata"]["uid"]]]

    def apply(self, operation: Operation) -> None:
        match operation:
            case Create(kind, obj):
                self._create(kind, copy.deepcopy(obj))
            case Patch(kind, name, _, patch):
                found = self.objects[kind, name]
                merged = _merge(copy.deepcopy(found), patch)
                changed = merged.get("spec") != found.get("spec")
                generation = merged["metadata"].get("generation", 1)
                merged["metadata"]["generation"] = generation + changed
                self.objects[kind, name] = merged
            case Update(kind, obj):
                self.put(kind, copy.deepcopy(obj))
            case Delete(kind, obj):
                self.objects.pop((kind, obj["metadata"]["name"]), None)

    def _create(self, kind: Kind, obj: Json) -> None:
        given = obj["metadata"]
        name = given.get("name") or f"{given['generateName']}{next(self._numbers)}"
        self.now += timedelta(seconds=1)
        made = metadata(name, generation=1, creationTimestamp=format_time(self.now))
        obj["metadata"] = {**made, **given, "name": name}
        self.put(kind, {"apiVersion": kind.api_version, "kind": kind.kind, **obj})

    def run_replicaset(self, owner: Json) -> bool:
        """One round of the ReplicaSet controller; whether it did anything."""
        operations = replicaset.plan(owner, self.owned(PODS, owner), {})
        for operation in operations:
            self.apply(operation)
        status = replicaset.status(owner, self.owned(PODS, owner), None, self.now)
        if status == owner.get("status"):
            return bool(operations)
        self.put(REPLICA_SETS, {**owner, "status": status})
        return True

    def run_deployment(self, name: str = "web") -> bool:
        """One round of the Deployment controller; whether it did anything."""
        deployment = self.objects[DEPLOYMENTS, name]
        sets = self.owned(REPLICA_SETS, deployment)
        new = revisions.current_set(deployment, sets)
        old_pods = sum(len(self.owned(PODS, item)) for item in sets if item is not new)
        operations = plan_deployment(deployment, sets, old_pods=old_pods)
        for operation in operations:
            self.apply(operation)
        deployment = self.objects[DEPLOYMENTS, name]
        sets = self.owned(REPLICA_SETS, deployment)
        new = revisions.current_set(deployment, sets)
        status = progress.status(deployment, new, sets, self.now)
        if status == deployment.get("status"):
            return bool(operations)
        self.put(DEPLOYMENTS, {**deployment, "status": status})
        return True

    def change_deployment(self, name: str = "web", **spec: Any) -> None:
        found = self.objects[DEPLOYMENTS, name]
        generation = found["metadata"]["generation"] + 1
        self.put(
            DEPLOYMENTS,
            {
                **found,
                "metadata": {**found["metadata"], "generation": generation},
                "spec": {**found["spec"], **spec},
            },
        )

    def set_ready(self, pod: Json, *, ready: bool) -> None:
        status = "True" if ready else "False"
        condition = {"type": "Ready", "status": status, "lastTransitionTime": format_time(self.now)}
        self.put(PODS, {**pod, "status": {"phase": "Running", "conditions": [condition]}})

    def settle(self, rounds: int = 400) -> None:
        """Everything runs and every pod becomes ready, until nothing changes any more."""
        for _ in range(rounds):
            busy = self.run_deployment()
            for item in self.all(REPLICA_SETS):
                busy |= self.run_replicaset(item)
            for pod in self.all(PODS):
                if (
                    not pod.get("status", {}).get("conditions")
                    or pod["status"]["conditions"][0]["status"] != "True"
                ):
                    self.set_ready(pod, ready=True)
                    busy = True
            if not busy:
                return
        raise AssertionError("it does not come to rest")


def deployment(replicas: int = 3, image: str = "one", **spec: Any) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("web", generation=1),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            "progressDeadlineSeconds": 600,
            **spec,
        },
    }


def template(image: str) -> Json:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def _merge(target: Json, patch: Json) -> Json:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = _merge(target.get(key) or {}, value)
        else:
            target[key] = value
    return target
