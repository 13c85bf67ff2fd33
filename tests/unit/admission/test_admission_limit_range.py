# SPDX-License-Identifier: Apache-2.0
"""LimitRanger: defaults, every bound with its exact text, and exact arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.admission.limit_range import LimitRanger
from kube.quantity import parse
from tests.support.admission import admitted, container, core, named, pod, refusal, request


def limiting(*limits):
    return LimitRanger(core("limitranges", [named("limits", "shop", spec={"limits": list(limits)})]))


def sized(requests=None, limits=None, name="app", **rest):
    resources = {"requests": requests or {}, "limits": limits or {}}
    return container(name, resources={key: value for key, value in resources.items() if value}, **rest)


DEFAULTS = limiting(
    {"type": "Pod", "max": {"memory": "8Gi"}},
    {
        "type": "Container",
        "default": {"memory": "512Mi", "cpu": "1"},
        "defaultRequest": {"memory": "256Mi", "cpu": "500m"},
    },
)


@pytest.mark.parametrize(
    ("given_container", "resources", "note"),
    [
        (
            container(),
            {
                "requests": {"memory": "256Mi", "cpu": "500m"},
                "limits": {"memory": "512Mi", "cpu": "1"},
            },
            "cpu, memory request for container app; cpu, memory limit for container app",
        ),
        (
            sized({"cpu": "1"}, {"cpu": "2"}),
            {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}},
            "memory request for container app; memory limit for container app",
        ),
        (
            sized({"cpu": "1", "memory": "1Mi"}, {"cpu": "2"}),
            {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}},
            "memory limit for container app",
        ),
    ],
)
def test_defaults(given_container, resources, note) -> None:
    made = admitted(DEFAULTS, request(pod(containers=[given_container]))).object
    assert made["spec"]["containers"][0]["resources"] == resources
    annotation = made["metadata"]["annotations"]["kubernetes.io/limit-ranger"]
    assert annotation == f"LimitRanger plugin set: {note}"


def test_defaults_of_init_containers_and_only_of_new_pods() -> None:
    made = admitted(DEFAULTS, request(pod(initContainers=[container("init")]))).object
    assert made["spec"]["initContainers"][0]["resources"]["limits"] == {"memory": "512Mi", "cpu": "1"}
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"].endswith(
        "cpu, memory request for init container init; cpu, memory limit for init container init"
    )
    updated = admitted(DEFAULTS, request(pod(), old=pod())).object
    assert "resources" not in updated["spec"]["containers"][0]


def test_nothing_to_add_leaves_no_note() -> None:
    full = sized({"cpu": "1", "memory": "1Mi"}, {"cpu": "1", "memory": "1Mi"})
    assert "annotations" not in admitted(DEFAULTS, request(pod(containers=[full]))).object["metadata"]


BOUNDS = [
    (
        {"max": {"memory": "1Gi"}},
        sized(limits={"memory": "2Gi"}),
        "maximum memory usage per Container is 1Gi, but limit is 2Gi",
    ),
    (
        {"max": {"memory": "1Gi"}},
        sized(),
        "maximum memory usage per Container is 1Gi.  No limit is specified",
    ),
    (
        {"max": {"cpu": "1"}},
        sized({"cpu": "1500m"}, {"cpu": "1"}),
        "maximum cpu usage per Container is 1, but request is 1500m",
    ),
    (
        {"min": {"cpu": "100m"}},
        sized({"cpu": "50m"}),
        "minimum cpu usage per Container is 100m, but request is 50m",
    ),
    (
        {"min": {"cpu": "0.1"}},
        sized({"cpu": "100m"}, {"cpu": "50m"}),
        "minimum cpu usage per Container is 100m, but limit is 50m",
    ),
    ({"min": {"cpu": "100m"}}, sized(), "minimum cpu usage per Container is 100m.  No request is specified"),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        sized({"cpu": "100m"}, {"cpu": "250m"}),
        "cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "1"}},
        sized({"cpu": "3"}, {"cpu": "4"}),
        "cpu max limit to request ratio per Container is 1, but provided ratio is 1.333333",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        sized(limits={"cpu": "1"}),
        "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        sized({"cpu": "1"}),
        "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
    ),
    ({"max": {"cpu": "1"}, "min": {"cpu": "1m"}}, sized({"cpu": "1m"}, {"cpu": "1"}), ""),
    ({"maxLimitRequestRatio": {"cpu": "2.5"}}, sized({"cpu": "100m"}, {"cpu": "250m"}), ""),
]


@pytest.mark.parametrize(("bounds", "given_container", "why"), BOUNDS)
def test_bounds_of_containers(bounds, given_container, why) -> None:
    plugin = limiting({"type": "Container", **bounds})
    told = f'pods "web" is forbidden: {why}' if why else ""
    assert refusal(plugin, request(pod(containers=[given_container]))) == told
    assert refusal(plugin, request(pod(containers=[], initContainers=[given_container]))) == told


@pytest.mark.parametrize(
    ("spec", "bounds", "why"),
    [
        (
            {"containers": [sized(limits={"cpu": "1"}), sized(limits={"cpu": "2"}, name="side")]},
            {"max": {"cpu": "2"}},
            "maximum cpu usage per Pod is 2, but limit is 3",
        ),
        (
            {
                "containers": [sized(limits={"cpu": "1"})],
                "initContainers": [sized(limits={"cpu": "4"}, name="init")],
            },
            {"max": {"cpu": "2"}},
            "maximum cpu usage per Pod is 2, but limit is 4",
        ),
        (
            {
                "containers": [sized(limits={"cpu": "1"})],
                "initContainers": [
                    sized(limits={"cpu": "1500m"}, name="mesh", restartPolicy="Always"),
                    sized(limits={"cpu": "1"}, name="init"),
                ],
            },
            {"max": {"cpu": "2"}},
            "maximum cpu usage per Pod is 2, but limit is 2500m",
        ),
        (
            {"resources": {"limits": {"cpu": "4"}}, "containers": [sized(limits={"cpu": "1"})]},
            {"max": {"cpu": "2"}},
            "maximum cpu usage per Pod is 2, but limit is 4",
        ),
        ({"containers": [sized({"cpu": "1"})]}, {"min": {"cpu": "1"}}, ""),
    ],
)
def test_bounds_of_pods(spec, bounds, why) -> None:
    told = f'pods "web" is forbidden: {why}' if why else ""
    assert refusal(limiting({"type": "Pod", **bounds}), request(pod(**spec))) == told


def test_several_problems_stand_in_brackets() -> None:
    plugin = limiting({"type": "Container", "max": {"cpu": "1", "memory": "1Gi"}})
    message = refusal(plugin, request(pod(containers=[sized(limits={"cpu": "2"})])))
    assert message == (
        'pods "web" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, '
        "maximum memory usage per Container is 1Gi.  No limit is specified]"
    )


def claim(storage):
    return named("data", "shop", spec={"resources": {"requests": {"storage": storage}}})


@pytest.mark.parametrize(
    ("storage", "old", "why"),
    [
        ("2Gi", None, ""),
        (
            "11Gi",
            None,
            "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 11Gi",
        ),
        (
            "512Mi",
            None,
            "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi",
        ),
        ("11Gi", "11Gi", ""),
        ("11Gi", "5Gi", "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 11Gi"),
    ],
)
def test_bounds_of_claims(storage, old, why) -> None:
    plugin = limiting(
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "10Gi"}}
    )
    admission = request(claim(storage), "persistentvolumeclaims", old=claim(old) if old else None)
    told = f'persistentvolumeclaims "data" is forbidden: {why}' if why else ""
    assert refusal(plugin, admission) == told


@pytest.mark.parametrize(
    ("subresource", "new", "old", "why"),
    [
        ("resize", "2", "1", "maximum cpu usage per Container is 1, but limit is 2"),
        ("resize", "2", "2", ""),
        ("status", "2", "1", ""),
        ("", "2", "1", ""),
    ],
)
def test_only_a_resize_that_changes_something_is_checked(subresource, new, old, why) -> None:
    plugin = limiting({"type": "Container", "max": {"cpu": "1", "memory": "1Gi"}})
    new_pod, old_pod = (pod(containers=[sized(limits={"cpu": cpu})]) for cpu in (new, old))
    message = refusal(plugin, request(new_pod, old=old_pod, subresource=subresource))
    assert message == (f'pods "web" is forbidden: {why}' if why else "")


def test_other_namespaces_limits_do_not_count() -> None:
    plugin = limiting({"type": "Container", "max": {"cpu": "1"}})
    assert refusal(plugin, request(pod(namespace="other"))) == ""


MILLI = st.integers(1, 4000)


@given(asked=st.lists(MILLI, min_size=1, max_size=4), bound=MILLI, ratio=st.integers(1000, 5000))
def test_sums_and_ratios_are_exact(asked, bound, ratio) -> None:
    """A pod passes just when its sums do, in whatever notation the numbers are written."""
    containers = [
        sized({"cpu": f"{milli}m"}, {"cpu": str(2 * milli / 1000)}, name=f"c{index}")
        for index, milli in enumerate(asked)
    ]
    limits = {"max": {"cpu": f"{bound * 1000}u"}, "maxLimitRequestRatio": {"cpu": f"{ratio}m"}}
    message = refusal(limiting({"type": "Pod", **limits}), request(pod(containers=containers)))
    assert ("maximum cpu usage" in message) is (2 * sum(asked) > bound)
    assert ("ratio per Pod" in message) is (Fraction(2) > Fraction(ratio, 1000))


@given(limit=st.integers(1, 10**9), asked=st.integers(1, 10**9))
def test_the_ratio_is_told_to_six_places(limit, asked) -> None:
    plugin = limiting({"type": "Container", "maxLimitRequestRatio": {"memory": "1n"}})
    containers = [sized({"memory": str(asked)}, {"memory": str(limit)})]
    message = refusal(plugin, request(pod(containers=containers)))
    if Fraction(limit, asked) <= Fraction(1, 10**9):
        assert message == ""
        return
    told = Fraction(message.rsplit(" ", 1)[1])
    assert abs(told - Fraction(limit, asked)) <= Fraction(1, 2 * 10**6)


@given(requests=st.dictionaries(st.sampled_from(["cpu", "memory", "x.io/gpu"]), MILLI, max_size=3))
def test_defaults_never_change_what_is_given(requests) -> None:
    texts = {name: f"{milli}m" for name, milli in requests.items()}
    made = admitted(DEFAULTS, request(pod(containers=[sized(texts)]))).object
    resources = made["spec"]["containers"][0]["resources"]
    assert {name: resources["requests"][name] for name in texts} == texts
    assert set(resources["requests"]) == set(texts) | {"cpu", "memory"}
    assert all(parse(amount) for amount in resources["limits"].values())
