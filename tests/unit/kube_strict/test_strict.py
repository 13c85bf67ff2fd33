# SPDX-License-Identifier: Apache-2.0
"""Strict decoding: a table of faults with their messages, and every model that lightkube has."""

import importlib
import pkgutil
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

import lightkube.models
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import apiextensions_v1, core_v1, meta_v1, networking_v1, resource_v1
from lightkube.resources import core_v1 as core_resources

from kube import maps
from kube.annotations import QuantityText, field_types, sibling
from kube.problem import ProblemKind
from kube.strict import decode

SIMPLE = {"name": "web", "image": "busybox:1"}


def pod(container: object = SIMPLE, **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [container], **spec},
    }


def every_model() -> list[type[msgspec.Struct]]:
    """Every type of every module of lightkube.models."""
    found: list[type[msgspec.Struct]] = []
    for info in pkgutil.iter_modules(lightkube.models.__path__):
        module = importlib.import_module(f"lightkube.models.{info.name}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, msgspec.Struct)
            and value.__module__ == module.__name__
            # lightkube cannot make one: it sets a field that the type does not have.
            and value is not meta_v1.WatchEvent
        ]
    return found


def test_a_good_pod_is_what_lightkube_itself_decodes() -> None:
    data = pod({**SIMPLE, "ports": [{"containerPort": 80}], "readinessProbe": {"httpGet": {"port": "http"}}})
    decoded = decode(core_v1.Pod, data)
    assert decoded.problems == ()
    assert decoded.value == core_v1.Pod.from_dict(data)
    assert decoded.best_effort is decoded.value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pod({**SIMPLE, "imag": "x"}), 'spec.containers[0].imag: unknown field "imag"; did you mean image?'),
        (
            {**pod(), "Spec": {}},
            'Spec: unknown field "Spec"; did you mean spec?',
        ),
        (
            pod({**SIMPLE, "ports": [{"containerPort": 80, "xyzzy": 1}]}),
            'spec.containers[0].ports[0].xyzzy: unknown field "xyzzy"; '
            "accepted: containerPort, hostIP, hostPort, name, protocol",
        ),
        (pod({"image": "x"}), "spec.containers[0].name: Required value"),
        ({"spec": {}}, "spec.containers: Required value"),
        ({"spec": {"containers": None}}, "spec.containers: Required value"),
        ({"spec": []}, "spec: expected an object, found a list"),
        ({"spec": {"containers": {"name": "a"}}}, "spec.containers: expected a list, found an object; acc"),
        (pod(None), "spec.containers[0]: expected an object, found nothing (null)"),
        (pod("web"), 'spec.containers[0]: expected an object, found the text "web"'),
        (
            pod({**SIMPLE, "tty": "yes"}),
            'spec.containers[0].tty: expected true or false, found the text "yes"',
        ),
        (
            pod({**SIMPLE, "env": [{"name": "A", "value": 8080}]}),
            "spec.containers[0].env[0].value: expected a string, found the number 8080; "
            'accepted: text in quotes: "8080"',
        ),
        (
            pod({**SIMPLE, "env": [{"name": "A", "value": True}]}),
            "spec.containers[0].env[0].value: expected a string, found the boolean true; "
            "accepted: text in quotes (yes, no,",
        ),
        (
            pod({**SIMPLE, "ports": [{"containerPort": "80"}]}),
            'spec.containers[0].ports[0].containerPort: expected an integer, found the text "80"; '
            "accepted: 80 without quotes",
        ),
        (
            pod({**SIMPLE, "ports": [{"containerPort": True}]}),
            "spec.containers[0].ports[0].containerPort: expected an integer, found the boolean true",
        ),
        (
            pod(terminationGracePeriodSeconds=2**63),
            "spec.terminationGracePeriodSeconds: the number is too large; accepted: a whole number of 64",
        ),
        (
            pod({**SIMPLE, "resources": {"limits": {"memory": "64MB"}}}),
            "spec.containers[0].resources.limits.memory: cannot read quantity '64MB': 'MB' is no suffix; "
            "accepted: a number and one of n, u, m, k",
        ),
        (
            pod({**SIMPLE, "resources": {"limits": {"example.com/gpu": [1]}}}),
            "spec.containers[0].resources.limits[example.com/gpu]: expected a quantity, found a list",
        ),
        (
            pod({**SIMPLE, "livenessProbe": {"tcpSocket": {"port": 1.5}}}),
            "spec.containers[0].livenessProbe.tcpSocket.port: expected an integer or a string, found",
        ),
        (
            {**pod(), "metadata": {"labels": {"app": 1}}},
            "metadata.labels.app: expected a string, found the number 1",
        ),
        ({**pod(), "metadata": {"labels": {1: "a"}}}, "metadata.labels[1]: expected a string as the key"),
        (
            {**pod(), "metadata": {"creationTimestamp": "yesterday"}},
            'metadata.creationTimestamp: "yesterday" is no time with an offset; accepted: RFC 3339',
        ),
        (
            {**pod(), "metadata": {"creationTimestamp": "2024-05-01T12:00:00"}},
            "metadata.creationTimestamp: ",
        ),
        ([], "expected an object, found a list"),
        ("text", 'expected an object, found the text "text"'),
        (None, "expected an object, found nothing (null)"),
    ],
)
def test_each_fault_is_named(data: object, expected: str) -> None:
    problems = decode(core_v1.Pod, data).problems
    assert len(problems) == 1
    assert str(problems[0]).startswith(expected)


def test_all_faults_are_reported_at_once() -> None:
    data = pod({"imag": "x", "command": "sh", "ports": [{}, {"containerPort": "a"}]}, hostnam="a")
    assert [p.field for p in decode(core_v1.Pod, data).problems] == [
        "spec.containers[0].imag",
        "spec.containers[0].command",
        "spec.containers[0].ports[0].containerPort",
        "spec.containers[0].ports[1].containerPort",
        "spec.containers[0].name",
        "spec.hostnam",
    ]


def test_unknown_fields_alone_leave_a_value() -> None:
    decoded = decode(core_v1.Pod, {**pod(), "colour": "red"})
    assert [p.kind for p in decoded.problems] == [ProblemKind.UNKNOWN]
    assert decoded.value == core_v1.Pod.from_dict(pod())


def test_best_effort_keeps_what_is_right() -> None:
    decoded = decode(core_v1.Pod, pod({"image": "a", "args": "b", "env": [{"name": "A"}, 7]}))
    assert decoded.value is None
    assert decoded.best_effort.spec is not None
    assert decoded.best_effort.spec.containers == [
        core_v1.Container(name="", image="a", env=[core_v1.EnvVar(name="A")])
    ]
    assert decode(core_v1.PodSpec, 5).best_effort == core_v1.PodSpec(containers=[])


def test_null_is_absent() -> None:
    assert decode(core_v1.Pod, {**pod(hostname=None), "status": None}).value == core_v1.Pod.from_dict(pod())


def test_renamed_fields_use_their_json_names() -> None:
    block = decode(networking_v1.IPBlock, {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}).value
    assert block == networking_v1.IPBlock(cidr="10.0.0.0/8", except_=["10.1.0.0/16"])
    assert decode(networking_v1.IPBlock, {"cidr": "a", "except_": []}).problems[0].text.endswith("except?")
    assert decode(meta_v1.ListMeta, {"continue": "x"}).value == meta_v1.ListMeta(continue_="x")


def test_a_field_that_hides_a_type_name_is_decoded() -> None:
    data = {"bool": True, "int": 3, "bools": [True]}
    assert decode(resource_v1.DeviceAttribute, data).value == resource_v1.DeviceAttribute(
        bool=True, int=3, bools=[True]
    )


def test_a_quantity_may_be_a_number() -> None:
    decoded = decode(
        core_v1.ResourceRequirements, {"limits": {"cpu": 1, "memory": "1Mi"}, "requests": {"cpu": 0.5}}
    )
    assert decoded.value == core_v1.ResourceRequirements(
        limits={"cpu": "1", "memory": "1Mi"}, requests={"cpu": "0.5"}
    )


def test_maps_of_objects_are_checked_and_stay_plain() -> None:
    data = {"properties": {"a": {"type": "string"}, "b": {"typ": 1}}}
    decoded = decode(apiextensions_v1.JSONSchemaProps, data)
    assert [str(p) for p in decoded.problems] == ['properties.b.typ: unknown field "typ"; did you mean type?']
    assert decoded.value == apiextensions_v1.JSONSchemaProps(properties={"a": {"type": "string"}, "b": {}})


def test_deep_nesting_is_reported() -> None:
    data: dict[str, Any] = {}
    for _ in range(5000):
        data = {"not": data}
    decoded = decode(apiextensions_v1.JSONSchemaProps, data)
    assert decoded.value is None
    assert [p.message for p in decoded.problems] == ["the object is nested too deeply"]


def test_resources_decode_as_their_models_do() -> None:
    value = decode(core_resources.Pod, pod()).value
    assert isinstance(value, core_resources.Pod)


def test_every_map_of_every_model_has_a_value_type() -> None:
    missing = [
        f"{model.__module__}.{model.__name__}.{name}"
        for model in every_model()
        for name, kind in field_types(model).items()
        if (kind is dict or dict in get_args(kind)) and not maps.value_type(model.__name__, name)
    ]
    assert missing == []


def sample(kind: Any, model: type[msgspec.Struct], name: str, depth: int) -> Any:
    """Plain data that a field of this type accepts, with every field set down to a depth."""
    kinds = [k for k in get_args(kind) if k is not type(None)]
    simple = {str: "text", int: 7, bool: True, float: 1.5, QuantityText: "5Mi", Any: {"a": 1}}
    if kind in simple:
        return simple[kind]
    if kind is datetime:
        return "2024-05-01T12:00:00.000001Z"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return full(kind, depth - 1)
    if get_origin(kind) is list:
        return [sample(kinds[0], model, name, depth)]
    if kind is dict:
        return {"key": sample_of_map(model, name, depth)}
    if get_origin(kind) is dict:
        return {"key": ["anything"]}
    return sample(kinds[0], model, name, depth)


def sample_of_map(model: type[msgspec.Struct], name: str, depth: int) -> Any:
    words = {
        maps.STRINGS: "text",
        maps.QUANTITIES: "1",
        maps.STRING_LISTS: ["text"],
        maps.TIMES: "2024-05-01T12:00:00Z",
        maps.ANYTHING: [1],
    }
    word = maps.value_type(model.__name__, name) or maps.ANYTHING
    return words[word] if word in words else full(sibling(model, word), depth - 1)


def full(model: type[msgspec.Struct], depth: int) -> dict[str, Any]:
    types = field_types(model)
    return {
        field.encode_name: sample(types[field.name], model, field.name, depth)
        for field in msgspec.structs.fields(model)
        if field.required or depth > 0
    }


@pytest.mark.parametrize(
    "model", every_model(), ids=lambda model: f"{model.__module__[17:]}.{model.__name__}"
)
def test_every_model_decodes_with_all_its_fields(model: type[msgspec.Struct]) -> None:
    data = full(model, 3)
    decoded = decode(model, data)
    assert decoded.problems == ()
    try:
        expected = msgspec.convert(data, model)
    except (TypeError, msgspec.ValidationError):
        # lightkube itself cannot decode what holds a DeviceAttribute; see kube.annotations.
        assert model.__module__.startswith("lightkube.models.resource_v1")
        return
    assert decoded.value == expected


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*core_v1.Pod.__struct_fields__, *core_v1.PodSpec.__struct_fields__]), inner
        )
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_any_plain_data_gives_a_value_or_problems(data: object) -> None:
    decoded = decode(core_v1.Pod, data)
    assert (decoded.value is None) == any(p.kind is not ProblemKind.UNKNOWN for p in decoded.problems)
    assert all(str(problem) for problem in decoded.problems)
    assert isinstance(decoded.best_effort, core_v1.Pod)


def test_times_keep_their_offset_and_microseconds() -> None:
    micro = decode(meta_v1.Condition, full(meta_v1.Condition, 1)).value
    assert micro is not None
    assert micro.lastTransitionTime == datetime(2024, 5, 1, 12, 0, 0, 1, tzinfo=UTC)
