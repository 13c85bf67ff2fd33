# SPDX-License-Identifier: Apache-2.0
"""kubectl rollout with DaemonSets, kubectl drain with budgets, and quotas, against a server with RBAC and controllers.

Nodes are made by hand and their pods stay as the test reports them.
"""

import asyncio
import json
from collections.abc import Iterator

import pytest

from kube.client import Client
from kube.config import from_file
from tests.support.controlplane_process import ControlPlaneProcess
from tests.support.eventually import in_background
from tests.support.fake_kubelet import FakeKubelet
from tests.support.kubectl import Kubectl, kubectl_or_skip

DAEMONS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs, annotations: {kubernetes.io/change-cause: first}}
spec:
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec: {containers: [{name: logs, image: "example.com/logs:1"}]}
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1"}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
"""
QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: few}
spec: {hard: {pods: "2", count/configmaps: "9"}}
"""
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: more, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{apiGroups: [example.com], resources: [widgets], verbs: [get]}]
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    kubectl_or_skip()
    folder = tmp_path_factory.mktemp("controlplane")
    (folder / "home").mkdir()
    with ControlPlaneProcess(folder) as server:
        yield Kubectl(folder / "home", server.kubeconfig)


def test_rollout_of_a_daemonset_and_drain(kubectl: Kubectl) -> None:
    async def steps() -> None:
        async with Client(from_file(kubectl.kubeconfig)) as client:
            kubelets = [FakeKubelet(client, name, number) for number, name in enumerate(("one", "two"))]
            for kubelet in kubelets:
                await kubelet.start()
            async with in_background(*(kubelet.run() for kubelet in kubelets)):
                await asyncio.to_thread(_roll_out, kubectl)
                await asyncio.to_thread(_drain, kubectl)

    asyncio.run(steps())


def _drain(kubectl: Kubectl) -> None:
    """A budget makes it wait for pods elsewhere, and it ends; the daemon stays."""
    kubectl.apply(WEB)
    kubectl.run("rollout", "status", "deployment/web", "--timeout=50s")
    kubectl.run("wait", "pdb/web", "--for=jsonpath={.status.disruptionsAllowed}=1", "--timeout=50s")
    told = kubectl.run("drain", "one", "--ignore-daemonsets", "--timeout=55s")
    assert "node/one drained" in told
    kubectl.run("rollout", "status", "deployment/web", "--timeout=50s")
    where = kubectl.run("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert set(where.split()) == {"two"}
    daemons = kubectl.run("get", "pods", "-l", "app=logs", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert sorted(daemons.split()) == ["one", "two"]
    kubectl.run("uncordon", "one")


def _roll_out(kubectl: Kubectl) -> None:
    kubectl.apply(DAEMONS)
    waiting = ("rollout", "status", "daemonset/logs", "--timeout=50s")
    assert 'daemon set "logs" successfully rolled out' in kubectl.run(*waiting)
    kubectl.apply(DAEMONS.replace("logs:1", "logs:2").replace("first", "second"))
    assert 'daemon set "logs" successfully rolled out' in kubectl.run(*waiting)
    told = kubectl.run("rollout", "history", "daemonset/logs").split("\n")
    assert [line.split() for line in told[2:4]] == [["1", "first"], ["2", "second"]]
    assert "logs:1" in kubectl.run("rollout", "history", "daemonset/logs", "--revision=1")
    assert "daemonset.apps/logs rolled back" in kubectl.run("rollout", "undo", "daemonset/logs")
    assert 'daemon set "logs" successfully rolled out' in kubectl.run(*waiting)
    shown = kubectl.run("get", "daemonset", "logs", "--no-headers").split()
    assert shown[:6] == ["logs", "2", "2", "2", "2", "2"]
    assert "example.com/logs:1" in kubectl.run("get", "ds", "logs", "-o", "wide")
    revisions = json.loads(kubectl.run("get", "controllerrevisions", "-o", "json"))["items"]
    assert {item["revision"] for item in revisions} == {2, 3}


def test_a_quota_as_people_see_it(kubectl: Kubectl) -> None:
    kubectl.run("create", "namespace", "small")
    kubectl.apply(QUOTA, "--namespace=small")
    kubectl.run("-n", "small", "wait", "quota/few", "--for=jsonpath={.status.used.pods}=0", "--timeout=50s")
    described = kubectl.run("-n", "small", "describe", "quota", "few").split("\n")
    assert [line.split() for line in described if line.startswith("pods")] == [["pods", "0", "2"]]


def test_there_are_no_custom_resources_and_clients_are_told_so(kubectl: Kubectl) -> None:
    assert "No resources found" in kubectl.run("get", "customresourcedefinitions")
    assert "customresourcedefinitions" in kubectl.run("api-resources", "--api-group=apiextensions.k8s.io")


def test_sums_of_roles_are_kept(kubectl: Kubectl) -> None:
    kubectl.apply(ROLE)
    path = '{.rules[?(@.apiGroups[0]=="example.com")].resources[0]}'
    kubectl.run("wait", "clusterrole/view", f"--for=jsonpath={path}=widgets", "--timeout=50s")
