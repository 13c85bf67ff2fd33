# SPDX-License-Identifier: Apache-2.0
"""A lab whose nodes have joined its control plane, as kubectl sees it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from lab import Lab, NodePaths
from tests.support.kubectl import Kubectl

Json = dict[str, Any]
BUSYBOX = "docker.io/local/busybox:1"
SECONDS = 90.0
POLL = 0.05
_STARTED_BY_ADMISSION = "automountServiceAccountToken"


@dataclass(frozen=True)
class Cluster:
    """What a test does with it; every kubectl call is about `current`, the namespace of the test's module."""

    lab: Lab
    kubectl: Kubectl
    current: str = "default"

    @property
    def node(self) -> NodePaths:
        """The first node's files."""
        return self.lab.paths.nodes[0]

    @contextmanager
    def namespace(self, name: str) -> Iterator["Cluster"]:
        """The same cluster with another current namespace, which is made, and removed with everything in it."""
        inside = replace(self, current=name)
        self.kubectl.run("create", "namespace", name)
        try:
            yield inside
        finally:
            pods = ("delete", "pods", "--all", "--grace-period=0", "--wait=true", f"--timeout={SECONDS:g}s")
            inside.run(*pods, check=False)
            self.kubectl.run("delete", "namespace", name, "--wait=false", check=False)

    def run(self, *words: str, stdin: str = "", check: bool = True) -> str:
        """What kubectl prints, in the current namespace."""
        return self.kubectl.run("--namespace", self.current, *words, stdin=stdin, check=check)

    def apply(self, *manifests: Json | str) -> None:
        """kubectl apply of objects or texts."""
        for each in manifests:
            self.run("apply", "-f", "-", stdin=each if isinstance(each, str) else json.dumps(each))

    def get(self, kind: str, name: str = "") -> Json:
        """An object (or the list of a kind) as JSON; {} when it is not there."""
        words = [kind, *([name] if name else [])]
        printed = self.run("get", *words, "--ignore-not-found", "-o", "json")
        found: Json = json.loads(printed) if printed.strip() else {}
        return found

    def pod(self, name: str) -> Json:
        """The pod; {} when it is not there."""
        return self.get("pod", name)

    def start(self, name: str, script: str = "", *, wait: bool = True, **spec: Any) -> Json:
        """A busybox pod that runs a shell script ("": sleeps); spec are further fields of its spec.

        container={...} are further fields of its one container "app", metadata={...} of the metadata. With wait, it
        is the pod as it is when Ready.
        """
        self.apply(pod(name, script, **spec))
        return self.await_ready(name) if wait else self.pod(name)

    def await_ready(self, name: str) -> Json:
        """Wait for the condition Ready."""
        return self.await_pod(name, lambda pod: condition(pod, "Ready") == "True")

    def await_pod(self, name: str, ready: Callable[[Json], bool]) -> Json:
        """Wait for what a function says of the pod; a pod that is not there is {}."""
        found: list[Json] = []

        def holds() -> bool:
            found[:] = [self.pod(name)]
            return ready(found[0])

        self.until(holds, lambda: f"pod {name}: {self.explain(name)}")
        return found[0]

    def await_gone(self, name: str) -> None:
        """Wait until the API server does not have the pod any more."""
        self.until(lambda: not self.pod(name), lambda: f"pod {name} is still there: {self.explain(name)}")

    def delete(self, name: str, *words: str) -> None:
        """kubectl delete pod, which waits until it is gone."""
        self.run("delete", "pod", name, f"--timeout={SECONDS:g}s", *words)

    def exec(self, name: str, *words: str, container: str = "app", check: bool = True) -> str:
        """What a command prints in the pod, by kubectl exec."""
        return self.run("exec", name, "-c", container, "--", *words, check=check)

    def exec_all(self, name: str, scripts: dict[str, str], container: str = "app") -> dict[str, str]:
        """What each shell script prints, both streams, by its key; one kubectl exec for all."""
        mark = "--- the next script prints"
        whole = "\n".join(f"echo '{mark}'\n({script}) 2>&1" for script in scripts.values())
        whole += "\ntrue"
        printed = self.exec(name, "sh", "-c", whole, container=container).split(f"{mark}\n")[1:]
        return dict(zip(scripts, printed, strict=True))

    def events(self, name: str) -> list[Json]:
        """The Events about a pod, oldest first."""
        fields = f"involvedObject.name={name}"
        found = json.loads(self.run("get", "events", "--field-selector", fields, "-o", "json"))["items"]
        return sorted(found, key=lambda event: str(event.get("firstTimestamp")))

    def await_event(self, name: str, reason: str, words: str = "") -> Json:
        """Wait for an Event about the pod with this reason, and these words in its message."""
        found: list[Json] = []

        def there() -> bool:
            found[:] = [e for e in self.events(name) if e["reason"] == reason and words in e["message"]]
            return bool(found)

        self.until(there, lambda: f"no Event {reason} {words!r} for {name}: {self.explain(name)}")
        return found[0]

    def explain(self, name: str) -> str:
        """The pod's status, its Events and the end of the node's log, for a failing test."""
        told = [f"{e['reason']}: {e['message']}" for e in self.events(name)]
        log = self.node.log_file("node").read_text()[-2000:]
        return json.dumps(self.pod(name).get("status"), indent=1) + "\n" + "\n".join(told) + "\n" + log

    def await_nodes(self) -> None:
        """Wait until every node of the lab is Ready."""
        wanted = set(self.lab.paths.node_names)

        def ready() -> bool:
            nodes = self.get("nodes")["items"]
            return {n["metadata"]["name"] for n in nodes if condition(n, "Ready") == "True"} >= wanted

        self.until(ready, lambda: f"nodes are not ready: {self.run('get', 'nodes', check=False)}")

    def kill(self, service: str, node: str = "node1") -> None:
        """SIGKILL "containerd", a node's daemons ("node") or the "controlplane", and wait for the next one."""
        dead = self.pid(service, node)
        assert dead is not None, f"{service} does not run"
        os.kill(dead, signal.SIGKILL)
        self.until(lambda: self.pid(service, node) not in (None, dead), lambda: f"{service} is not restarted")

    def pid(self, service: str, node: str = "node1") -> int | None:
        """The pid of one of the lab's processes, None while it does not run."""
        status = self.lab.status()
        if service == "controlplane":
            return status.controlplane.process.pid if status.controlplane else None
        found = next(each for each in status.nodes if each.name == node)
        return {"containerd": found.containerd.pid, "node": found.node.pid}[service]

    def until(self, ready: Callable[[], bool], why: Callable[[], str], seconds: float = SECONDS) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not self._holds(ready):
            assert time.monotonic() < deadline, why()
            time.sleep(POLL)

    def _holds(self, ready: Callable[[], bool]) -> bool:
        try:
            return ready()
        except (AssertionError, subprocess.TimeoutExpired):
            # kubectl failed: the API server may be away.
            return False


def pod(name: str, script: str = "", **spec: Any) -> Json:
    """A pod of one busybox container "app"; see Cluster.start."""
    metadata = {"name": name, **spec.pop("metadata", {})}
    words = ["sh", "-c", script] if script else ["sleep", "100000"]
    container = {"name": "app", "image": BUSYBOX, "command": words, **spec.pop("container", {})}
    defaults = {"terminationGracePeriodSeconds": 0, _STARTED_BY_ADMISSION: False, "enableServiceLinks": False}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**defaults, "containers": [container], **spec},
    }


def condition(obj: Json, kind: str) -> str:
    """The status of a condition; "" when the object does not have it."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((str(each["status"]) for each in found if each["type"] == kind), "")
