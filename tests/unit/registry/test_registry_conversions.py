# SPDX-License-Identifier: Apache-2.0
"""Versions and groups over one store: nothing is lost on the way there and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.registry.autoscaling.horizontalpodautoscalers_v1 import from_v2, to_v2
from controlplane.registry.events.events import NAMES, from_core, to_core
from kube.strict import decode
from tests.support.minimal_objects import Key, minimal
from tests.support.registry_objects import created, resource

Json = dict[str, Any]

CORE: Key = ("", "v1", "events")
NEW: Key = ("events.k8s.io", "v1", "events")
V1: Key = ("autoscaling", "v1", "horizontalpodautoscalers")
V2: Key = ("autoscaling", "v2", "horizontalpodautoscalers")

text = st.text(max_size=8)


def test_an_event_has_both_groups_names() -> None:
    new = minimal(NEW, "Event")
    core = to_core(new)
    assert (core["apiVersion"], core["kind"]) == ("v1", "Event")
    assert core["message"] == new["note"]
    assert core["involvedObject"] == new["regarding"]
    assert core["reportingComponent"] == new["reportingController"]
    assert decode(resource(CORE).model, core).problems == ()
    assert from_core(core) == new


def test_an_event_of_the_core_group_reads_in_the_other() -> None:
    core = created(CORE, source={"component": "kubelet"}, count=3, message="hello")
    new = from_core(core)
    assert new["deprecatedSource"] == {"component": "kubelet"}
    assert new["deprecatedCount"] == 3
    assert new["note"] == "hello"
    assert new["eventTime"] is None
    assert to_core(new) == {**core, "eventTime": None}


@given(st.dictionaries(st.sampled_from([*NAMES, "reason", "action", "series", "type", "metadata"]), text))
def test_every_field_of_an_event_comes_back(fields: dict[str, str]) -> None:
    event = {"eventTime": "x", "regarding": {}, **fields, "apiVersion": "events.k8s.io/v1", "kind": "Event"}
    assert from_core(to_core(event)) == event


def test_selectable_fields_have_each_group_s_names() -> None:
    event = created(NEW)
    core, new = resource(CORE).strategy.fields(event), resource(NEW).strategy.fields(event)
    assert core["involvedObject.name"] == new["regarding.name"] == "web"
    assert core["reportingComponent"] == new["reportingController"] == "example.com/robot"
    assert core["source"] == "example.com/robot"
    assert core["reason"] == "Looked"


def test_an_autoscaler_of_v1_says_its_cpu_target() -> None:
    v1 = {**minimal(V1, "HorizontalPodAutoscaler")}
    v1["spec"]["targetCPUUtilizationPercentage"] = 70
    v2 = to_v2(v1)
    assert v2["apiVersion"] == "autoscaling/v2"
    assert v2["spec"]["metrics"] == [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
        }
    ]
    assert from_v2(v2) == v1


cpu = st.integers(1, 100).map(
    lambda target: {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}},
    }
)
other = text.map(
    lambda name: {
        "type": "Pods",
        "pods": {"metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
)


@given(
    st.lists(cpu, max_size=1),
    st.lists(other, max_size=3),
    st.booleans(),
    st.dictionaries(st.sampled_from(["example.com/a", "example.com/b"]), text, min_size=1),
)
def test_an_autoscaler_of_v2_comes_back(
    first: list[Json], others: list[Json], paced: bool, annotations: dict[str, str]
) -> None:
    v2 = minimal(V2, "HorizontalPodAutoscaler")
    v2["metadata"]["annotations"] = annotations
    if metrics := [*first, *others]:
        v2["spec"]["metrics"] = metrics
    if paced:
        v2["spec"]["behavior"] = {"scaleDown": {"selectPolicy": "Min"}}
    v2["status"] = {
        "desiredReplicas": 2,
        "currentReplicas": 1,
        "currentMetrics": [
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 9}}}
        ],
        "conditions": [{"type": "AbleToScale", "status": "True"}],
    }
    v1 = from_v2(v2)
    assert decode(resource(V1).model, v1).problems == ()
    assert v1["status"]["currentCPUUtilizationPercentage"] == 9
    assert to_v2(v1) == v2


@pytest.mark.parametrize("value", ["not JSON", "5", "[5]", '[{"type": 5}]', "null", "[" * 5000])
def test_an_annotation_that_is_not_ours_stays(value: str) -> None:
    v1 = minimal(V1, "HorizontalPodAutoscaler")
    v1["metadata"]["annotations"] = {"autoscaling.alpha.kubernetes.io/metrics": value}
    assert from_v2(to_v2(v1)) == v1
