# SPDX-License-Identifier: Apache-2.0
"""What a node may read and write: the graph from pods to what they need, and NodeRestriction."""

import asyncio
from typing import Any

import pytest

from controlplane.auth.graph import NodeGraph
from controlplane.auth.node import NodeAuthorizer
from controlplane.auth.node_restriction import NodeRestriction
from controlplane.auth.references import Reference, references_of
from controlplane.errors import ApiError
from controlplane.request import Admission, Attributes, Operation, User
from controlplane.store.memory import MemoryStore
from tests.support.object_reader import StoreReader
from tests.support.rbac_objects import ask

Json = dict[str, Any]
N1 = User("system:node:n1", groups=("system:nodes",))
N2 = User("system:node:n2", groups=("system:nodes",))


def _pod(node: str = "n1", name: str = "web", **spec: Any) -> Json:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": {"nodeName": node, **spec}}


FULL = _pod(
    serviceAccountName="robot",
    imagePullSecrets=[{"name": "pull"}],
    containers=[
        {
            "envFrom": [{"secretRef": {"name": "env-all"}}, {"configMapRef": {"name": "cm-all"}}],
            "env": [
                {"name": "a", "value": "x"},
                {"name": "b", "valueFrom": {"secretKeyRef": {"name": "env-one"}}},
                {"name": "c", "valueFrom": {"configMapKeyRef": {"name": "cm-one"}}},
                {"name": "d", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
        }
    ],
    initContainers=[{"env": [{"name": "i", "valueFrom": {"secretKeyRef": {"name": "env-init"}}}]}],
    ephemeralContainers=[{"envFrom": [{"secretRef": {"name": "env-late"}}]}],
    volumes=[
        {"name": "s", "secret": {"secretName": "vol"}},
        {"name": "c", "configMap": {"name": "cm-vol"}},
        {"name": "p", "persistentVolumeClaim": {"claimName": "disk"}},
        {"name": "e", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "i", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
        {
            "name": "j",
            "projected": {
                "sources": [
                    {"secret": {"name": "proj"}},
                    {"configMap": {"name": "cm-proj"}},
                    {"serviceAccountToken": {"path": "t"}},
                ]
            },
        },
        {"name": "n", "emptyDir": {}},
    ],
)
EXPECTED = {
    "serviceaccounts": {"robot"},
    "secrets": {"pull", "env-all", "env-one", "env-init", "env-late", "vol", "csi", "proj"},
    "configmaps": {"cm-all", "cm-one", "cm-vol", "cm-proj"},
    "persistentvolumeclaims": {"disk", "web-e"},
}


def test_all_that_a_pod_names() -> None:
    found: dict[str, set[str]] = {}
    for plural, namespace, name in references_of(FULL):
        assert namespace == "shop"
        found.setdefault(plural, set()).add(name)
    assert found == EXPECTED


def test_a_mirror_pod_names_nothing() -> None:
    pod = _pod(imagePullSecrets=[{"name": "pull"}])
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert references_of(pod) == frozenset()


def _graph() -> NodeGraph:
    graph = NodeGraph()
    graph.put("/core/pods/shop/web", FULL)
    volume = {
        "spec": {
            "claimRef": {"namespace": "shop", "name": "disk"},
            "csi": {"nodeStageSecretRef": {"name": "stage", "namespace": "storage"}},
        }
    }
    graph.put("/core/persistentvolumes//pv1", volume)
    graph.put("/storage.k8s.io/volumeattachments//va1", {"spec": {"nodeName": "n1"}})
    return graph


async def _nothing_new() -> None:
    return


def _allowed(asked: Attributes, graph: NodeGraph | None = None) -> bool:
    authorizer = NodeAuthorizer(graph or _graph(), _nothing_new)
    return asyncio.run(authorizer.authorize(asked)).allowed


@pytest.mark.parametrize(
    ("user", "allowed"), [(N1, True), (N2, False), (User("system:node:n1"), False), (User("eve"), False)]
)
@pytest.mark.parametrize(
    ("verb", "resource", "name", "group", "namespace"),
    [
        ("get", "secrets", "vol", "", "shop"),
        ("watch", "secrets", "env-one", "", "shop"),
        ("list", "configmaps", "cm-proj", "", "shop"),
        ("get", "persistentvolumeclaims", "disk", "", "shop"),
        ("patch", "persistentvolumeclaims/status", "disk", "", "shop"),
        ("get", "persistentvolumes", "pv1", "", ""),
        ("get", "secrets", "stage", "", "storage"),
        ("get", "volumeattachments", "va1", "storage.k8s.io", ""),
        ("create", "serviceaccounts/token", "robot", "", "shop"),
        ("get", "pods", "web", "", "shop"),
        ("update", "leases", "n1", "coordination.k8s.io", "kube-node-lease"),
        ("get", "csinodes", "n1", "storage.k8s.io", ""),
    ],
)
def test_only_the_pods_node_may(
    user: User, allowed: bool, verb: str, resource: str, name: str, group: str, namespace: str
) -> None:
    asked = ask(user, verb, resource, name=name, group=group, namespace=namespace)
    assert _allowed(asked) is allowed


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (ask(N1, "get", "secrets", namespace="shop", name="other"), False),
        (ask(N1, "get", "secrets", namespace="bank", name="vol"), False),
        (ask(N1, "list", "secrets", namespace="shop"), False),
        (ask(N1, "list", "secrets", namespace="shop", field_selector="metadata.name=vol"), True),
        (ask(N1, "list", "secrets", namespace="shop", field_selector="metadata.name!=vol"), False),
        (ask(N1, "update", "secrets", namespace="shop", name="vol"), False),
        (ask(N1, "update", "configmaps", namespace="shop", name="cm-vol"), False),
        (ask(N1, "get", "persistentvolumeclaims/status", namespace="shop", name="disk"), False),
        (ask(N1, "create", "serviceaccounts/token", namespace="shop", name="boss"), False),
        (ask(N1, "get", "serviceaccounts", namespace="shop", name="robot"), False),
        (ask(N1, "list", "pods"), False),
        (ask(N1, "list", "pods", field_selector="spec.nodeName=n2"), False),
        (ask(N1, "watch", "pods", field_selector="spec.nodeName=n1"), True),
        (ask(N1, "list", "pods", field_selector="status.phase!=Failed,spec.nodeName=n1"), True),
        (ask(N1, "list", "pods", field_selector="spec.nodeName!=n1"), False),
        (ask(N1, "deletecollection", "pods", field_selector="spec.nodeName=n1"), False),
        (ask(N1, "create", "pods", namespace="shop"), True),
        (ask(N1, "patch", "pods/status", namespace="shop", name="x"), True),
        (ask(N1, "create", "pods/exec", namespace="shop", name="web"), False),
        (ask(N1, "create", "nodes"), True),
        (ask(N1, "list", "services"), True),
        (ask(N1, "create", "events", namespace="shop"), True),
        (
            ask(N1, "create", "leases", group="coordination.k8s.io", namespace="kube-node-lease"),
            True,
        ),
        (ask(N1, "create", "leases", group="coordination.k8s.io", namespace="shop", name="n1"), False),
        (ask(N1, "get", "roles", group="rbac.authorization.k8s.io", namespace="shop"), False),
        (ask(N1, "get", path="/metrics"), False),
        (ask(User("boss", groups=("system:nodes",)), "get", "services"), False),
    ],
)
def test_a_table_of_questions(asked: Attributes, allowed: bool) -> None:
    assert _allowed(asked) is allowed


def test_the_refusal_says_why() -> None:
    authorizer = NodeAuthorizer(_graph(), _nothing_new)
    asked = ask(N2, "get", "secrets", namespace="shop", name="vol")
    decision = asyncio.run(authorizer.authorize(asked))
    assert decision.reason == "no relationship found between node 'n2' and this object"


def test_the_graph_follows_changes() -> None:
    graph = _graph()
    vol, stage = Reference("secrets", "shop", "vol"), Reference("secrets", "storage", "stage")
    graph.put(
        "/core/pods/shop/two", _pod(name="two", volumes=[{"name": "s", "secret": {"secretName": "vol"}}])
    )
    graph.drop("/core/pods/shop/web")
    assert graph.connects("n1", vol)
    assert not graph.connects("n1", stage)
    graph.put("/core/pods/shop/two", _pod(name="two", node="n2"))
    assert not graph.connects("n1", vol)
    graph.put("/core/pods/shop/web", FULL)
    assert graph.connects("n1", stage)
    graph.drop("/core/persistentvolumes//pv1")
    assert not graph.connects("n1", stage)
    assert not graph.connects("n1", Reference("persistentvolumes", "", "pv1"))
    graph.drop("/storage.k8s.io/volumeattachments//va1")
    graph.drop("/core/pods/shop/never")
    assert not graph.connects("n1", Reference("volumeattachments", "", "va1"))


def test_before_a_no_the_graph_catches_up() -> None:
    graph = NodeGraph()

    async def catch_up() -> None:
        graph.put("/core/pods/shop/web", FULL)

    asked = ask(N1, "get", "secrets", namespace="shop", name="vol")
    assert asyncio.run(NodeAuthorizer(graph, catch_up).authorize(asked)).allowed


def _mirror(node: str = "n1", owner: str = "n1", **spec: Any) -> Json:
    pod = _pod(node, **spec)
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    pod["metadata"]["ownerReferences"] = [{"kind": "Node", "name": owner}]
    return pod


def _node(name: str = "n1", taints: Any = None, **labels: str) -> Json:
    metadata = {"name": name, "labels": {key.replace("__", "/"): value for key, value in labels.items()}}
    return {"metadata": metadata, "spec": {"taints": taints} if taints else {}}


def _labelled(label: str) -> Json:
    return {"metadata": {"name": "n1", "labels": {label: "x"}}}


def _token(**reference: str) -> Json:
    return {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", **reference}}}


NAMED = {"metadata": {"name": "n1"}}
C, U, D = Operation.CREATE, Operation.UPDATE, Operation.DELETE


@pytest.mark.parametrize(
    ("operation", "resource", "name", "obj", "old", "refused"),
    [
        (C, "pods", "", _mirror(), None, ""),
        (C, "pods", "", _pod(), None, "can only create mirror pods"),
        (C, "pods", "", _mirror("n2"), None, "nodeName set to itself"),
        (C, "pods", "", _mirror(owner="n2"), None, "owns itself"),
        (C, "pods", "", _mirror(imagePullSecrets=[{"name": "x"}]), None, "can not refer"),
        (C, "pods", "", _mirror(serviceAccountName="robot"), None, "can not refer"),
        (U, "pods", "web", _pod(), _pod(), "unexpected operation"),
        (U, "pods/status", "web", _pod(), _pod(), ""),
        (U, "pods/status", "web", _pod("n2"), _pod("n2"), "nodeName set to itself"),
        (U, "pods/status", "web", _pod() | _labelled("a"), _pod(), "labels through pod status"),
        (D, "pods", "web", None, _pod(), ""),
        (D, "pods", "web", None, _pod("n2"), "can only delete"),
        (D, "pods", "far", None, None, "can only delete"),
        (C, "pods/eviction", "web", NAMED, None, ""),
        (C, "pods/eviction", "far", NAMED, None, "can only evict"),
        (C, "nodes", "", _node(), None, ""),
        (C, "nodes", "", _node(taints=[{"key": "boot"}]), None, ""),
        (C, "nodes", "", _node("n2"), None, "not allowed to modify node 'n2'"),
        (U, "nodes", "n2", _node("n2"), _node("n2"), "not allowed to modify node"),
        (U, "nodes", "n1", _node(taints=[{"key": "a"}]), _node(), "modify taints"),
        (U, "nodes/status", "n1", _node(), _node(), ""),
        (D, "nodes", "n2", None, _node("n2"), "not allowed"),
        (D, "nodes", "n1", None, _node(), ""),
        (U, "nodes", "n1", _labelled("acme.com/rack"), _node(), ""),
        (U, "nodes", "n1", _labelled("kubernetes.io/hostname"), _node(), ""),
        (U, "nodes", "n1", _labelled("x.node.kubernetes.io/a"), _node(), ""),
        (U, "nodes", "n1", _labelled("node-role.kubernetes.io/control-plane"), _node(), "modify labels"),
        (U, "nodes", "n1", _labelled("node-restriction.kubernetes.io/a"), _node(), "modify labels"),
        (U, "nodes/status", "n1", _labelled("a.node-restriction.kubernetes.io/a"), _node(), "modify labels"),
        (U, "nodes", "n1", _node(), _labelled("k8s.io/a"), "modify labels"),
        (C, "serviceaccounts/token", "robot", _token(name="web", uid="uid-web"), None, ""),
        (C, "serviceaccounts/token", "robot", _token(name="web", uid="old"), None, "not on it"),
        (C, "serviceaccounts/token", "robot", _token(name="web"), None, "by name and uid"),
        (C, "serviceaccounts/token", "robot", _token(name="far", uid="uid-far"), None, "not on it"),
        (C, "serviceaccounts/token", "robot", {"spec": {}}, None, "bound to a pod"),
        (C, "configmaps", "x", {"metadata": {"name": "x"}}, None, ""),
    ],
)
def test_what_a_node_writes(
    operation: Operation, resource: str, name: str, obj: Json | None, old: Json | None, refused: str
) -> None:
    async def body(user: User) -> None:
        reader = StoreReader(MemoryStore())
        await reader.put("", "pods", _pod())
        await reader.put("", "pods", _pod("n2", name="far"))
        plugin = NodeRestriction(reader)
        asked = ask(user, "x", resource, namespace="" if resource.startswith("nodes") else "shop", name=name)
        admission = Admission(asked, operation, "X", obj, old)
        await plugin.mutate(admission)
        await plugin.validate(admission)

    asyncio.run(body(User("eve")))
    if not refused:
        asyncio.run(body(N1))
        return
    with pytest.raises(ApiError, match=refused) as caught:
        asyncio.run(body(N1))
    assert caught.value.code == 403


@pytest.mark.parametrize(
    ("namespace", "name", "refused"),
    [("kube-node-lease", "n1", False), ("kube-node-lease", "n2", True), ("shop", "n1", True)],
)
def test_a_node_has_one_lease(namespace: str, name: str, refused: bool) -> None:
    asked = ask(N1, "create", "leases", group="coordination.k8s.io", namespace=namespace)
    admission = Admission(asked, C, "Lease", {"metadata": {"name": name}})
    checking = NodeRestriction(StoreReader(MemoryStore())).validate(admission)
    if refused:
        with pytest.raises(ApiError, match="same name as the requesting node"):
            asyncio.run(checking)
    else:
        asyncio.run(checking)
