# SPDX-License-Identifier: Apache-2.0
"""The words of refusals, which clients print and look for: "Invalid value: ...: field is immutable" and its like."""

from typing import Any

import pytest

from controlplane.registry.strategy import causes
from kube import problem
from kube.problem import FieldProblem
from tests.support.minimal_objects import Key
from tests.support.registry_objects import created, resource, updated

Json = dict[str, Any]

PODS, SERVICES, CONFIGMAPS = ("", "v1", "pods"), ("", "v1", "services"), ("", "v1", "configmaps")
DEPLOYMENTS: Key = ("apps", "v1", "deployments")
JOBS: Key = ("batch", "v1", "jobs")
BUDGETS: Key = ("policy", "v1", "poddisruptionbudgets")
BINDINGS: Key = ("rbac.authorization.k8s.io", "v1", "rolebindings")
RUNTIMES: Key = ("node.k8s.io", "v1", "runtimeclasses")
AT = ("spec", "x")


@pytest.mark.parametrize(
    ("found", "reason", "message"),
    [
        (problem.required(AT), "FieldValueRequired", "Required value"),
        (problem.required(AT, "at least one"), "FieldValueRequired", "Required value: at least one"),
        (problem.invalid(AT, 0, "1 or more"), "FieldValueInvalid", "Invalid value: 0: must be 1 or more"),
        (problem.refused(AT, "a", "not now"), "FieldValueInvalid", 'Invalid value: "a": not now'),
        (
            problem.unsupported(AT, "c", ("a", "b")),
            "FieldValueNotSupported",
            'Unsupported value: "c": supported values: "a", "b"',
        ),
        (problem.duplicate(AT, "a", "each once"), "FieldValueDuplicate", 'Duplicate value: "a"'),
        (problem.forbidden(AT, "may not change"), "FieldValueForbidden", "Forbidden: may not change"),
        (
            problem.not_found(AT, "a", "one of b"),
            "FieldValueNotFound",
            'Not found: "a": must be one of b',
        ),
        (problem.too_long(AT, 9), "FieldValueTooLong", "Too long: may not be more than 9 bytes"),
        (problem.too_many(AT, 5, 3), "FieldValueTooMany", "Too many: 5: must be at most 3 items"),
    ],
)
def test_each_sort_of_problem(found: FieldProblem, reason: str, message: str) -> None:
    (cause,) = causes([found])
    assert (cause.reason, cause.message, cause.field) == (reason, message, "spec.x")


# kind, changes of a good object -> field: message
@pytest.mark.parametrize(
    ("key", "changes", "told"),
    [
        (
            DEPLOYMENTS,
            {"spec__replicas": -1},
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            DEPLOYMENTS,
            {"spec__selector__matchLabels": {"app": "other"}},
            'spec.template.metadata.labels: Invalid value: {"app": "web"}: '
            "`selector` does not match template `labels`",
        ),
        (
            DEPLOYMENTS,
            {"spec__template__spec__restartPolicy": "Never"},
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        ),
        (
            PODS,
            {"spec__containers__0__resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            'spec.containers[0].resources.requests.cpu: Invalid value: "2": '
            "must be less than or equal to cpu limit of 1",
        ),
        (
            PODS,
            {"spec__containers__0__volumeMounts": [{"name": "a", "mountPath": "/a"}]},
            'spec.containers[0].volumeMounts[0].name: Not found: "a": must be the name of one of the pod\'s volumes',
        ),
        (
            PODS,
            {"spec__containers__0__ports": [{"containerPort": 0, "protocol": "TCP"}]},
            "spec.containers[0].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            BUDGETS,
            {"spec__maxUnavailable": 1},
            'spec: Invalid value: "": minAvailable and maxUnavailable cannot be both set',
        ),
    ],
)
def test_what_is_wrong(key: Key, changes: Json, told: str) -> None:
    found = resource(key).strategy.validate(created(key, **changes))
    assert told in [f"{cause.field}: {cause.message}" for cause in found]


@pytest.mark.parametrize(
    ("key", "changes", "told"),
    [
        (
            DEPLOYMENTS,
            {"spec__selector__matchLabels": {"app": "b"}},
            'spec.selector: Invalid value: {"matchLabels": {"app": "b"}}: field is immutable',
        ),
        (JOBS, {"spec__completions": 4}, "spec.completions: Invalid value: 4: field is immutable"),
        (RUNTIMES, {"handler": "crun"}, 'handler: Invalid value: "crun": field is immutable'),
        (
            BINDINGS,
            {"roleRef__name": "edit"},
            'roleRef: Invalid value: {"kind": "ClusterRole", "name": "edit", '
            '"apiGroup": "rbac.authorization.k8s.io"}: cannot change roleRef',
        ),
    ],
)
def test_what_may_not_change(key: Key, changes: Json, told: str) -> None:
    old = created(key)
    found = resource(key).strategy.validate_update(updated(key, old, **changes), old)
    assert told in [f"{cause.field}: {cause.message}" for cause in found]


def test_frozen_content_and_cluster_ips() -> None:
    old = created(CONFIGMAPS, immutable=True)
    found = resource(CONFIGMAPS).strategy.validate_update(updated(CONFIGMAPS, old, data={"a": "c"}), old)
    assert [f"{cause.field}: {cause.message}" for cause in found] == [
        "data: Forbidden: field is immutable when `immutable` is set"
    ]
    old = created(SERVICES, spec__clusterIP="10.0.0.1", spec__clusterIPs=["10.0.0.1"])
    new = updated(SERVICES, old, spec__clusterIP="10.0.0.2", spec__clusterIPs=["10.0.0.2"])
    assert [
        f"{cause.field}: {cause.message}" for cause in resource(SERVICES).strategy.validate_update(new, old)
    ] == ['spec.clusterIPs[0]: Invalid value: "10.0.0.2": may not change once set']
