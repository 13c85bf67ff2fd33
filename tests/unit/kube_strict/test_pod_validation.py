# SPDX-License-Identifier: Apache-2.0
"""Validation of a Pod: each rule with a pod that breaks it, and the fault's place and kind."""

import copy
from typing import Any

import pytest
from lightkube.models import core_v1

from kube.defaults import pod_with_defaults
from kube.pod_validation import check_pod
from kube.problem import ProblemKind, path_text, shorten

GOOD: dict[str, Any] = {
    "metadata": {"name": "web", "labels": {"app": "web"}, "annotations": {"a": "b"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "busybox:1",
                "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}],
                "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
                "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "0"}},
            }
        ],
        "initContainers": [{"name": "first", "image": "busybox:1"}],
        "hostname": "web-1",
    },
}


def problems(change: dict[str, Any]) -> list[tuple[str, ProblemKind]]:
    """The faults of the good pod with values put in at dotted paths."""
    data = copy.deepcopy(GOOD)
    for path, value in change.items():
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        node: Any = data
        for part in parents:
            node = node[part] if isinstance(node, list) else node.setdefault(part, {})
        node[last] = value
    return [(p.field, p.kind) for p in check_pod(pod_with_defaults(core_v1.Pod.from_dict(data)))]  # type: ignore[arg-type]


FIRST = "spec.containers.0"
INVALID, REQUIRED = ProblemKind.INVALID, ProblemKind.REQUIRED
UNSUPPORTED, DUPLICATE = ProblemKind.UNSUPPORTED, ProblemKind.DUPLICATE


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        ({"metadata.name": ""}, "metadata.name", REQUIRED),
        ({"metadata.name": "a_b"}, "metadata.name", INVALID),
        ({"metadata.namespace": "a.b"}, "metadata.namespace", INVALID),
        ({"metadata.labels": {"a": "!"}}, "metadata.labels.a", INVALID),
        ({"metadata.annotations": {"a b": ""}}, "metadata.annotations[a b]", INVALID),
        ({"spec": None}, "spec", REQUIRED),
        ({"spec.containers": []}, "spec.containers", REQUIRED),
        ({"spec.restartPolicy": "never"}, "spec.restartPolicy", UNSUPPORTED),
        ({"spec.dnsPolicy": "none"}, "spec.dnsPolicy", UNSUPPORTED),
        ({"spec.dnsPolicy": "None"}, "spec.dnsConfig.nameservers", REQUIRED),
        ({"spec.dnsConfig.nameservers": ["fe80::1%eth0"]}, "spec.dnsConfig.nameservers[0]", INVALID),
        (
            {"spec.dnsConfig.nameservers": ["10.0.0.1"] * 4},
            "spec.dnsConfig.nameservers",
            ProblemKind.TOO_MANY,
        ),
        ({"spec.dnsConfig.searches": ["a", "-"]}, "spec.dnsConfig.searches[1]", INVALID),
        ({"spec.dnsConfig.searches": ["a"] * 33}, "spec.dnsConfig.searches", ProblemKind.TOO_MANY),
        ({"spec.dnsConfig.options": [{"value": "1"}]}, "spec.dnsConfig.options[0].name", REQUIRED),
        ({"spec.terminationGracePeriodSeconds": -1}, "spec.terminationGracePeriodSeconds", INVALID),
        ({"spec.terminationGracePeriodSeconds": 2**31}, "spec.terminationGracePeriodSeconds", INVALID),
        ({"spec.hostname": "a.b"}, "spec.hostname", INVALID),
        ({"spec.subdomain": "A"}, "spec.subdomain", INVALID),
        ({"spec.nodeName": "node_1"}, "spec.nodeName", INVALID),
        ({f"{FIRST}.name": ""}, "spec.containers[0].name", REQUIRED),
        ({f"{FIRST}.name": "a.b"}, "spec.containers[0].name", INVALID),
        ({f"{FIRST}.name": "first"}, "spec.initContainers[0].name", DUPLICATE),
        ({f"{FIRST}.image": ""}, "spec.containers[0].image", REQUIRED),
        ({f"{FIRST}.image": "a "}, "spec.containers[0].image", INVALID),
        ({f"{FIRST}.imagePullPolicy": "always"}, "spec.containers[0].imagePullPolicy", UNSUPPORTED),
        (
            {f"{FIRST}.terminationMessagePolicy": "x"},
            "spec.containers[0].terminationMessagePolicy",
            UNSUPPORTED,
        ),
        ({f"{FIRST}.ports.0.containerPort": 0}, "spec.containers[0].ports[0].containerPort", INVALID),
        ({f"{FIRST}.ports.0.hostPort": 65536}, "spec.containers[0].ports[0].hostPort", INVALID),
        ({f"{FIRST}.ports.0.protocol": "tcp"}, "spec.containers[0].ports[0].protocol", UNSUPPORTED),
        ({f"{FIRST}.ports.0.name": "http_1"}, "spec.containers[0].ports[0].name", INVALID),
        ({f"{FIRST}.ports.1.name": "http"}, "spec.containers[0].ports[1].name", DUPLICATE),
        ({f"{FIRST}.env.0.name": ""}, "spec.containers[0].env[0].name", REQUIRED),
        ({f"{FIRST}.env.0.name": "="}, "spec.containers[0].env[0].name", INVALID),
        ({f"{FIRST}.env.0.valueFrom": {}}, "spec.containers[0].env[0].valueFrom", INVALID),
        ({f"{FIRST}.resources.requests.cpu": "1001m"}, "spec.containers[0].resources.requests.cpu", INVALID),
        ({f"{FIRST}.resources.requests.cpu": "-1m"}, "spec.containers[0].resources.requests.cpu", INVALID),
        ({f"{FIRST}.resources.limits.memory": "1 Mi"}, "spec.containers[0].resources.limits.memory", INVALID),
        ({f"{FIRST}.resources.limits.a b": "1"}, "spec.containers[0].resources.limits[a b]", INVALID),
        ({"spec.initContainers.0.image": ""}, "spec.initContainers[0].image", REQUIRED),
    ],
)
def test_each_rule(change: dict[str, Any], field: str, kind: ProblemKind) -> None:
    assert problems(change) == [(field, kind)]


def test_a_good_pod_has_no_problems() -> None:
    assert problems({}) == []
    assert (
        problems({f"{FIRST}.resources.requests.cpu": "1000m", "spec.terminationGracePeriodSeconds": 0}) == []
    )
    assert problems({"spec.dnsPolicy": "None", "spec.dnsConfig.nameservers": ["10.0.0.1", "fd00::1"]}) == []
    assert problems({"spec.dnsConfig.searches": ["svc.cluster.local.", "."]}) == []


def test_all_faults_are_found_at_once() -> None:
    assert len(problems({"metadata.name": "A", "spec.hostname": "A", f"{FIRST}.image": ""})) == 3


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec", "containers", 0, "image"), "spec.containers[0].image"),
        (("metadata", "labels", "example.com/tier"), "metadata.labels[example.com/tier]"),
        ((0, "a"), "[0].a"),
        (("$ref",), "$ref"),
    ],
)
def test_paths_are_written_as_people_write_them(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


def test_long_texts_are_cut() -> None:
    assert shorten("a" * 80) == "a" * 80
    assert shorten("a" * 81) == "a" * 80 + "..."
