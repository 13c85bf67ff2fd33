# SPDX-License-Identifier: Apache-2.0
"""Priority: from a class's name to a number."""

import pytest

from controlplane.admission.priority import Priority
from tests.support.admission import admitted, cluster, core, named, pod, refusal, request

GROUP = "scheduling.k8s.io"


def a_class(name, value, **rest):
    return GROUP, "priorityclasses", named(name, value=value, **rest)


CLASSES = Priority(
    cluster(
        a_class("high", 1000, preemptionPolicy="Never"),
        a_class("normal", 10, globalDefault=True),
        a_class("also", 5, globalDefault=True),
    )
)
EMPTY = Priority(core("x", []))


@pytest.mark.parametrize(
    ("plugin", "spec", "result"),
    [
        (EMPTY, {}, (None, 0, "PreemptLowerPriority")),
        (CLASSES, {}, ("also", 5, "PreemptLowerPriority")),
        (CLASSES, {"priorityClassName": "high"}, ("high", 1000, "Never")),
        (CLASSES, {"priorityClassName": "high", "priority": 1000}, ("high", 1000, "Never")),
        (
            EMPTY,
            {"priorityClassName": "system-node-critical"},
            ("system-node-critical", 2000001000, "PreemptLowerPriority"),
        ),
        (
            EMPTY,
            {"priorityClassName": "system-cluster-critical"},
            ("system-cluster-critical", 2000000000, "PreemptLowerPriority"),
        ),
    ],
)
def test_what_a_pod_gets(plugin, spec, result) -> None:
    made = admitted(plugin, request(pod(**spec))).object["spec"]
    assert (made.get("priorityClassName"), made["priority"], made["preemptionPolicy"]) == result


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"priorityClassName": "gone"}, "no PriorityClass with name gone was found"),
        (
            {"priorityClassName": "high", "priority": 7},
            "the integer value of priority (7) must not be provided in pod spec; priority admission controller "
            "computed 1000 from the given PriorityClass name",
        ),
        (
            {"priorityClassName": "high", "preemptionPolicy": "PreemptLowerPriority"},
            "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; "
            "priority admission controller computed Never from the given PriorityClass name",
        ),
    ],
)
def test_refusals(spec, why) -> None:
    assert refusal(CLASSES, request(pod(**spec))) == f'pods "web" is forbidden: {why}'


def test_an_update_keeps_what_the_client_left_out() -> None:
    old = pod(priority=7, preemptionPolicy="Never")
    spec = admitted(CLASSES, request(pod(), old=old)).object["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (7, "Never")


def test_only_one_default() -> None:
    second = named("second", value=1, globalDefault=True)
    why = "PriorityClass also is already marked as default. Only one default can exist"
    told = f'priorityclasses.{GROUP} "second" is forbidden: {why}'
    assert refusal(CLASSES, request(second, "priorityclasses", group=GROUP)) == told
    same = named("also", value=5, globalDefault=True)
    assert refusal(CLASSES, request(same, "priorityclasses", group=GROUP, old=same)) == ""
    assert refusal(CLASSES, request(named("x", value=1), "priorityclasses", group=GROUP)) == ""
