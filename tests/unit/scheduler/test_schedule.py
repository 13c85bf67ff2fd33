# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.scheduler.filters import objections
from controlplane.scheduler.model import Choice, NodeState, PodInfo, Unschedulable
from controlplane.scheduler.plan import schedule
from controlplane.scheduler.read import node_state, pod_info, pod_requests

Json = dict[str, Any]


def node(
    name: str = "n1", *, spec: Json | None = None, labels: Json | None = None, **allocatable: str
) -> Json:
    amounts = {"cpu": "2", "memory": "4Gi", "pods": "10", **allocatable}
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec or {},
        "status": {"allocatable": {key.replace("_", "/"): value for key, value in amounts.items()}},
    }


def pod(name: str = "web", requests: Json | None = None, **spec: Any) -> Json:
    containers = spec.pop("containers", [{"name": "c", "resources": {"requests": requests or {}}}])
    return {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"containers": containers, **spec},
    }


def container(cpu: str, **more: Any) -> Json:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}


def why_not(pod_object: Json, node_object: Json, *placed: Json) -> tuple[str, ...]:
    return objections(pod_info(pod_object), node_state(node_object, map(pod_info, placed)))


def affinity(key: str, operator: str, *values: str) -> Json:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"nodeAffinity": required}


TAINTED = {"taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]}
HOST_PORT = [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080}]}]
HOST_PORT_ELSEWHERE = [
    {"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.1"}]}
]
HOST_PORT_UDP = [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080, "protocol": "UDP"}]}]

CASES: list[tuple[str, Json, Json, list[Json], tuple[str, ...]]] = [
    ("fits", pod(), node(), [], ()),
    ("cpu", pod(requests={"cpu": "2001m"}), node(), [], ("Insufficient cpu",)),
    ("exactly", pod(requests={"cpu": "1", "memory": "4Gi"}), node(), [pod("b", {"cpu": "1000m"})], ()),
    (
        "several",
        pod(requests={"cpu": "3", "memory": "5Gi"}),
        node(pods="0"),
        [],
        ("Too many pods", "Insufficient cpu", "Insufficient memory"),
    ),
    ("full", pod(), node(pods="1"), [pod("b")], ("Too many pods",)),
    ("none of it", pod(requests={"example.com/gpu": "1"}), node(), [], ("Insufficient example.com/gpu",)),
    ("some of it", pod(requests={"example.com/gpu": "1"}), node(**{"example.com_gpu": "1"}), [], ()),
    ("asks for nothing of what is overcommitted", pod(), node(cpu="1"), [pod("b", {"cpu": "2"})], ()),
    ("cordoned", pod(), node(spec={"unschedulable": True}), [], ("node(s) were unschedulable",)),
    (
        "tolerates cordons",
        pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
        node(spec={"unschedulable": True}),
        [],
        (),
    ),
    ("tainted", pod(), node(spec=TAINTED), [], ("node(s) had untolerated taint {dedicated: db}",)),
    ("tolerates", pod(tolerations=[{"key": "dedicated", "value": "db"}]), node(spec=TAINTED), [], ()),
    ("tolerates all", pod(tolerations=[{"operator": "Exists"}]), node(spec=TAINTED), [], ()),
    (
        "tolerates another value",
        pod(tolerations=[{"key": "dedicated", "value": "web"}]),
        node(spec=TAINTED),
        [],
        ("node(s) had untolerated taint {dedicated: db}",),
    ),
    (
        "tolerates another effect",
        pod(tolerations=[{"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}]),
        node(spec=TAINTED),
        [],
        ("node(s) had untolerated taint {dedicated: db}",),
    ),
    (
        "soft taint",
        pod(),
        node(spec={"taints": [{"key": "slow", "effect": "PreferNoSchedule"}]}),
        [],
        (),
    ),
    (
        "selector",
        pod(nodeSelector={"disk": "ssd"}),
        node(),
        [],
        ("node(s) didn't match Pod's node affinity/selector",),
    ),
    ("selected", pod(nodeSelector={"disk": "ssd"}), node(labels={"disk": "ssd"}), [], ()),
    ("affinity", pod(affinity=affinity("cores", "Gt", "3")), node(labels={"cores": "4"}), [], ()),
    (
        "no affinity",
        pod(affinity=affinity("cores", "Gt", "4")),
        node(labels={"cores": "4"}),
        [],
        ("node(s) didn't match Pod's node affinity/selector",),
    ),
    (
        "another node's name",
        pod(nodeName="n2"),
        node(),
        [],
        ("node(s) didn't match the requested node name",),
    ),
    (
        "port taken",
        pod(containers=HOST_PORT),
        node(),
        [pod("b", containers=HOST_PORT_ELSEWHERE)],
        ("node(s) didn't have free ports for the requested pod ports",),
    ),
    ("other protocol", pod(containers=HOST_PORT), node(), [pod("b", containers=HOST_PORT_UDP)], ()),
    (
        "host network",
        pod(hostNetwork=True, containers=[{"name": "c", "ports": [{"containerPort": 8080}]}]),
        node(),
        [pod("b", containers=HOST_PORT)],
        ("node(s) didn't have free ports for the requested pod ports",),
    ),
    (
        "not supported",
        pod(resourceClaims=[{"name": "gpu"}]),
        node(),
        [],
        ("node(s) cannot be judged: this scheduler has no resource claims",),
    ),
]


@pytest.mark.parametrize("row", CASES, ids=[row[0] for row in CASES])
def test_why_not_this_node(row: tuple[str, Json, Json, list[Json], tuple[str, ...]]) -> None:
    _, asked, offered, placed, reasons = row
    assert why_not(asked, offered, *placed) == reasons


REQUESTS: list[tuple[str, Json, int]] = [
    ("containers add up", {"containers": [container("1"), container("200m")]}, 1200),
    (
        "the largest init container counts",
        {"initContainers": [container("3"), container("2")], "containers": [container("1")]},
        3000,
    ),
    (
        "a sidecar runs beside everything after it",
        {
            "initContainers": [container("1", restartPolicy="Always"), container("3")],
            "containers": [container("2")],
        },
        4000,
    ),
    ("overhead comes on top", {"containers": [container("1")], "overhead": {"cpu": "50m"}}, 1050),
    ("the whole pod's wins", {"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}}, 5000),
]


@pytest.mark.parametrize(("spec", "cpu"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
def test_what_a_pod_takes(spec: Json, cpu: int) -> None:
    assert pod_requests(spec) == {"cpu": cpu}


def test_the_reasons_are_told_as_users_know_them() -> None:
    tainted = {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}
    nodes = [node("n1", cpu="1"), node("n2", spec=tainted), node("n3", spec=tainted)]
    answer = schedule(pod_info(pod(requests={"cpu": "2"})), list(map(node_state, nodes)))
    assert str(answer) == (
        "0/3 nodes are available: 1 Insufficient cpu, "
        "2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
    )
    assert str(schedule(pod_info(pod()), [])) == "no nodes available to schedule pods"


def chosen(asked: Json, *states: NodeState) -> str:
    answer = schedule(pod_info(asked), states)
    assert isinstance(answer, Choice)
    return answer.node


def test_the_emptier_node_is_better() -> None:
    busy = node_state(node("busy"), [pod_info(pod("x", {"cpu": "1", "memory": "2Gi"}))])
    assert chosen(pod(requests={"cpu": "500m"}), busy, node_state(node("idle"))) == "idle"


def test_a_node_that_would_be_used_evenly_is_better() -> None:
    # As much is taken of both, of one all of it in memory.
    uneven = node_state(node("uneven"), [pod_info(pod("x", {"cpu": "0", "memory": "2Gi"}))])
    even = node_state(node("even"), [pod_info(pod("x", {"cpu": "500m", "memory": "1Gi"}))])
    assert chosen(pod(requests={"cpu": "200m", "memory": "400Mi"}), uneven, even) == "even"


def test_soft_wishes_count() -> None:
    soft = node_state(node("soft", spec={"taints": [{"key": "a", "effect": "PreferNoSchedule"}]}))
    assert chosen(pod(), soft, node_state(node("clean"))) == "clean"
    wish = {"weight": 10, "preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}
    asked = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}})
    assert chosen(asked, node_state(node("a")), node_state(node("b", labels={"disk": "ssd"}))) == "b"


def test_equal_nodes_share_equal_pods() -> None:
    states = {name: node_state(node(name, pods="100")) for name in ("a", "b", "c")}
    placed: dict[str, list[PodInfo]] = {name: [] for name in states}
    for number in range(30):
        info = pod_info(pod(f"p{number}", {"cpu": "10m"}))
        choice = schedule(info, states.values())
        assert isinstance(choice, Choice)
        placed[choice.node].append(info)
        states[choice.node] = node_state(node(choice.node, pods="100"), placed[choice.node])
    assert {len(pods) for pods in placed.values()} == {10}


NODES = st.builds(
    lambda number, cpu, pods, spec, labels: node(
        f"n{number}", cpu=f"{cpu}m", pods=str(pods), spec=spec, labels=labels
    ),
    st.integers(0, 99),
    st.integers(0, 4000),
    st.integers(0, 4),
    st.sampled_from([{}, TAINTED, {"unschedulable": True}]),
    st.sampled_from([{}, {"disk": "ssd"}]),
)
PODS = st.builds(
    lambda number, cpu, spec: pod(f"p{number}", {"cpu": f"{cpu}m"}, **spec),
    st.integers(0, 99),
    st.integers(0, 2000),
    st.sampled_from(
        [
            {},
            {"nodeSelector": {"disk": "ssd"}},
            {"tolerations": [{"operator": "Exists"}]},
            {"containers": HOST_PORT},
        ]
    ),
)


@given(st.lists(NODES, max_size=6), st.lists(PODS, max_size=8))
def test_no_node_is_ever_given_what_it_cannot_take(nodes: list[Json], pods: list[Json]) -> None:
    placed: dict[str, list[PodInfo]] = {}
    objects = {item["metadata"]["name"]: item for item in nodes}
    for asked in pods:
        info = pod_info(asked)
        states = [node_state(item, placed.get(name, [])) for name, item in objects.items()]
        answer = schedule(info, states)
        if isinstance(answer, Unschedulable):
            assert all(objections(info, state) for state in states)
            assert sum(answer.reasons.values()) >= len(states)
        else:
            placed.setdefault(answer.node, []).append(info)
    for name, infos in placed.items():
        allocatable = node_state(objects[name]).allocatable
        assert sum(info.requests.get("cpu", 0) for info in infos) <= allocatable["cpu"]
        assert len(infos) <= allocatable["pods"]
        ports = [port for info in infos for port in info.ports]
        assert not any(a.collides(b) for index, a in enumerate(ports) for b in ports[:index])
