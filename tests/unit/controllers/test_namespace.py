# SPDX-License-Identifier: Apache-2.0
from typing import Any

from controlplane.controllers import meta
from controlplane.controllers.namespace import Content, order, plan
from controlplane.controllers.operations import Update
from kube.kinds import EVENTS, NODES, PODS, SERVICES
from tests.unit.controllers.objects import NOW, going, metadata

Json = dict[str, Any]


def namespace() -> Json:
    return {
        "metadata": metadata("shop", ""),
        "spec": {"finalizers": ["kubernetes", "other"]},
        "status": {"phase": "Terminating"},
    }


def test_an_empty_namespace_that_goes_loses_our_finalizer_only() -> None:
    (update,) = plan(going(namespace()), Content({}, {}), NOW)
    assert isinstance(update, Update)
    assert (update.subresource, update.obj["spec"]) == ("finalize", {"finalizers": ["other"]})
    assert plan(namespace(), Content({}, {}), NOW) == []


def test_what_it_waits_for_is_told_once() -> None:
    content = Content({PODS: 2, SERVICES: 1}, {"example.com/x": 1}, ("cannot delete secrets: no",))
    (update,) = plan(going(namespace()), content, NOW)
    assert isinstance(update, Update)
    told = {
        item["type"]: item["message"]
        for item in update.obj["status"]["conditions"]
        if item["status"] == "True"
    }
    assert told == {
        "NamespaceDeletionContentFailure": "cannot delete secrets: no",
        "NamespaceContentRemaining": "Some resources are remaining: pods has 2 resource instances, "
        "services has 1 resource instances",
        "NamespaceFinalizersRemaining": "Some content in the namespace has finalizers remaining: "
        "example.com/x in 1 resource instances",
    }
    assert plan(update.obj, content, NOW) == []
    assert meta.condition(update.obj, "NamespaceContentRemaining")


def test_a_failure_is_not_emptiness() -> None:
    (update,) = plan(going(namespace()), Content({}, {}, ("cannot delete x",)), NOW)
    assert isinstance(update, Update)
    assert update.subresource == "status"


def test_pods_first_and_events_last() -> None:
    assert order([EVENTS, NODES, SERVICES, PODS])[0] == PODS
    assert order([EVENTS, NODES, SERVICES, PODS])[-1] == EVENTS
