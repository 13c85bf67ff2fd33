# SPDX-License-Identifier: Apache-2.0
"""NamespaceLifecycle: missing, terminating and protected namespaces."""

import pytest

from controlplane.admission.namespace_lifecycle import NamespaceLifecycle
from controlplane.request import Operation
from tests.support.admission import core, named, pod, refusal, refused, request

PLUGIN = NamespaceLifecycle(
    core(
        "namespaces",
        [
            named("shop", status={"phase": "Active"}),
            named("going", status={"phase": "Terminating"}),
        ],
    )
)
GOING = (
    'pods "web" is forbidden: unable to create new content in namespace going because it is being terminated'
)


@pytest.mark.parametrize(
    ("admission", "message"),
    [
        (request(pod()), ""),
        (request(pod(namespace="nowhere")), 'namespaces "nowhere" not found'),
        (request(pod(namespace="nowhere"), old=pod(namespace="nowhere")), 'namespaces "nowhere" not found'),
        (request(pod(namespace="going")), GOING),
        (request(pod(namespace="going"), subresource="binding"), GOING),
        (request(pod(namespace="going"), old=pod(namespace="going")), ""),
        (request(None, old=pod(namespace="going"), operation=Operation.DELETE), ""),
        (request(None, old=pod(namespace="nowhere"), operation=Operation.DELETE), ""),
        (request(named("node1"), "nodes"), ""),
        (
            request(named("", "nowhere"), "localsubjectaccessreviews", group="authorization.k8s.io"),
            "",
        ),
        (request(named("new"), "namespaces"), ""),
        (request(None, "namespaces", old=named("shop"), operation=Operation.DELETE), ""),
        *(
            (
                request(None, "namespaces", old=named(name), operation=Operation.DELETE),
                f'namespaces "{name}" is forbidden: this namespace may not be deleted',
            )
            for name in ("default", "kube-system", "kube-public")
        ),
        (request(named("default"), "namespaces", old=named("default"), subresource="finalize"), ""),
    ],
)
def test_namespaces(admission, message) -> None:
    assert refusal(PLUGIN, admission) == message


def test_terminating_is_told_as_a_cause_that_clients_know() -> None:
    error = refused(PLUGIN, request(pod(namespace="going")))
    assert error is not None
    status = error.to_status()
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace going is being terminated",
            "field": "metadata.namespace",
        }
    ]


def test_a_pod_with_a_generated_name_goes_by_its_prefix() -> None:
    admission = request(pod("", "going", metadata={"generateName": "web-"}))
    assert refusal(PLUGIN, admission).startswith('pods "web-" is forbidden: ')
