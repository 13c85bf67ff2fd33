# SPDX-License-Identifier: Apache-2.0
"""The table of supported fields says everything about a Pod's type, and the check follows the table."""

from typing import get_args

import msgspec
import pytest
from lightkube.models import core_v1, meta_v1

from agent.sources.fields import FIELDS
from agent.sources.fields.rules import YES, Ignored, Refused, Supported
from agent.sources.support import check_support, without_ignored
from kube.annotations import field_types


def inner_model(kind: object) -> type[msgspec.Struct] | None:
    """The model that a field of this type holds, directly or in a list."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    found = (inner_model(part) for part in get_args(kind))
    return next((model for model in found if model), None)


def test_every_field_of_a_pod_is_supported_refused_or_ignored() -> None:
    todo: list[type[msgspec.Struct]] = [core_v1.Pod]
    done: set[type[msgspec.Struct]] = set()
    while todo:
        model = todo.pop()
        if model in done:
            continue
        done.add(model)
        types = field_types(model)
        assert FIELDS[model].keys() == set(model.__struct_fields__), model.__name__
        supported = [name for name, rule in FIELDS[model].items() if isinstance(rule, Supported)]
        todo += [inner for name in supported if (inner := inner_model(types[name]))]
    assert done == set(FIELDS)


def test_what_is_ignored_has_a_reason() -> None:
    rules = [rule for table in FIELDS.values() for rule in table.values()]
    assert all(rule.reason for rule in rules if isinstance(rule, Ignored))


REFUSED = [
    (model, name)
    for model, table in FIELDS.items()
    for name, rule in table.items()
    if isinstance(rule, Refused)
]


@pytest.mark.parametrize(("model", "name"), REFUSED, ids=lambda part: getattr(part, "__name__", part))
def test_each_refused_field_is_refused_by_name(model: type[msgspec.Struct], name: str) -> None:
    required = {field.name: "x" for field in msgspec.structs.fields(model) if field.required}
    value = msgspec.structs.replace(model(**required), **{name: "something"})
    found = [problem for problem in check_support(value, ("at",)) if problem.path == ("at", name)]
    assert [p.message for p in found] == ["is not supported by this version of the node"]
    assert found[0].accepted


LIMITED = [
    (model, name, rule.values)
    for model, table in FIELDS.items()
    for name, rule in table.items()
    if isinstance(rule, Supported) and rule.values
]


@pytest.mark.parametrize(
    ("model", "name", "values"), LIMITED, ids=lambda part: getattr(part, "__name__", str(part))
)
def test_only_the_listed_values_are_let_through(
    model: type[msgspec.Struct], name: str, values: tuple[object, ...]
) -> None:
    limited = {field: rule.values for field, rule in FIELDS[model].items() if isinstance(rule, Supported)}
    required = [field.name for field in msgspec.structs.fields(model) if field.required]
    value = model(**{field: limited[field][0] if limited.get(field) else "x" for field in required})
    for good in values:
        assert not list(check_support(msgspec.structs.replace(value, **{name: good})))
    other = {bool: True, int: 7, str: "other"}[type(values[0])]
    bad = not values[0] if isinstance(values[0], bool) else other
    problems = list(check_support(msgspec.structs.replace(value, **{name: bad})))
    assert [problem.field for problem in problems] == [name]


def test_only_cpu_and_memory_can_be_limited() -> None:
    good = core_v1.ResourceRequirements(limits={"cpu": "1", "memory": "1Mi"}, requests={"cpu": "1"})
    assert not list(check_support(good))
    bad = core_v1.ResourceRequirements(limits={"example.com/gpu": "1"}, requests={"hugepages-2Mi": "2Mi"})
    assert [p.field for p in check_support(bad)] == ["limits[example.com/gpu]", "requests.hugepages-2Mi"]


def test_empty_is_not_set() -> None:
    spec = core_v1.PodSpec(
        containers=[core_v1.Container(name="a", volumeMounts=[], securityContext=core_v1.SecurityContext())],
        volumes=[],
        nodeSelector={},
        subdomain="",
        affinity=core_v1.Affinity(nodeAffinity=core_v1.NodeAffinity()),
    )
    assert not list(check_support(spec))


def test_one_is_not_true() -> None:
    assert [p.field for p in check_support(core_v1.PodSpec(containers=[], hostUsers=1))] == ["hostUsers"]  # type: ignore[arg-type]


def test_ignored_fields_are_gone_and_nothing_else() -> None:
    metadata = meta_v1.ObjectMeta(name="a", resourceVersion="7", managedFields=[], labels={"a": "b"})
    pod = core_v1.Pod(metadata=metadata, status=core_v1.PodStatus(phase="Running"))
    assert without_ignored(pod) == core_v1.Pod(metadata=meta_v1.ObjectMeta(name="a", labels={"a": "b"}))
    assert pod.status is not None


def test_the_fields_that_every_simple_pod_has_are_supported() -> None:
    simple = {
        "name",
        "image",
        "command",
        "args",
        "env",
        "ports",
        "resources",
        "workingDir",
        "imagePullPolicy",
    }
    assert {name for name in simple if FIELDS[core_v1.Container][name] is YES} == simple
