# SPDX-License-Identifier: Apache-2.0
"""PodSecurity: what a namespace's labels make of the standards."""

import pytest

from controlplane.admission.pod_security import TEMPLATES, Exemptions, PodSecurity, PodSecuritySettings
from controlplane.admission.pod_standards.model import Level, Policy, Standard
from tests.support.admission import admitted, cluster, container, named, pod, refusal, refused, request

P = "pod-security.kubernetes.io/"


def labels(**modes):
    """enforce="baseline", warn_version="v1.30" ..."""
    return {f"{P}{mode.replace('_', '-')}": value for mode, value in modes.items()}


def space(name="shop", **modes):
    return named(name, metadata={"labels": labels(**modes)})


def plugin(*objects, settings=None, **modes):
    found = [("", "namespaces", space(**modes)), *(("", "pods", one) for one in objects)]
    return PodSecurity(cluster(*found), settings)


BAD = pod(hostNetwork=True)
HOST = "host namespaces (hostNetwork=true)"


@pytest.mark.parametrize(
    ("modes", "message", "warnings", "audit"),
    [
        ({}, "", [], None),
        ({"enforce": "privileged"}, "", [], None),
        (
            {"enforce": "baseline"},
            f'pods "web" is forbidden: violates PodSecurity "baseline:latest": {HOST}',
            [],
            None,
        ),
        (
            {"enforce": "baseline", "enforce_version": "v1.30"},
            f'pods "web" is forbidden: violates PodSecurity "baseline:v1.30": {HOST}',
            [],
            None,
        ),
        ({"warn": "baseline"}, "", [f'would violate PodSecurity "baseline:latest": {HOST}'], None),
        ({"audit": "baseline"}, "", [], f'would violate PodSecurity "baseline:latest": {HOST}'),
        (
            {"warn": "baseline", "warn_version": "v1.29"},
            "",
            [f'would violate PodSecurity "baseline:v1.29": {HOST}'],
            None,
        ),
        ({"warn": "nonsense", "audit": "nonsense"}, "", [], None),
    ],
)
def test_modes(modes, message, warnings, audit) -> None:
    admission = request(BAD)
    assert refusal(plugin(**modes), admission) == message
    assert admission.warnings == warnings
    assert admission.audit_annotations.get(f"{P}audit-violations") == audit


def test_the_whole_message_of_a_plain_pod() -> None:
    assert refusal(plugin(enforce="restricted"), request(pod())) == (
        'pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "app" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities '
        '(container "app" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or '
        'container "app" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "app" '
        'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )


def test_a_wrong_label_counts_as_the_strictest() -> None:
    admission = request(pod())
    assert 'violates PodSecurity "restricted:latest"' in refusal(plugin(enforce="strict"), admission)
    assert admission.audit_annotations[f"{P}error"] == (
        f'Failed to parse policy: metadata.labels[{P}enforce]: Invalid value: "strict": must be one of '
        "privileged, baseline, restricted"
    )


def workload(resource):
    made = named("w", "shop")
    owner = made
    for step in TEMPLATES[resource]:
        owner = owner.setdefault(step, {})
    owner["spec"] = BAD["spec"]
    return made


@pytest.mark.parametrize("resource", TEMPLATES)
def test_workloads_are_warned_of_and_never_refused(resource) -> None:
    group, plural = resource
    admission = request(workload(resource), plural, group=group)
    assert refusal(plugin(enforce="baseline"), admission) == ""
    assert admission.warnings == [f'would violate PodSecurity "baseline:latest": {HOST}']


def test_a_warn_label_has_its_own_word() -> None:
    admission = request(workload(("apps", "deployments")), "deployments", group="apps")
    assert admitted(plugin(enforce="baseline", warn="privileged"), admission).warnings == []


@pytest.mark.parametrize(
    ("old", "new", "subresource", "checked"),
    [
        (BAD, BAD, "", False),
        (BAD, pod(hostNetwork=True, containers=[container(image="other")]), "", True),
        (BAD, pod(hostNetwork=True, ephemeralContainers=[container("debug")]), "ephemeralcontainers", True),
        (BAD, pod(hostNetwork=True, ephemeralContainers=[container("debug")]), "status", False),
        (None, BAD, "binding", False),
        (None, BAD, "eviction", False),
    ],
)
def test_which_updates_and_subresources_are_checked(old, new, subresource, checked) -> None:
    message = refusal(plugin(enforce="baseline"), request(new, old=old, subresource=subresource))
    assert ("violates" in message) is checked


@pytest.mark.parametrize(
    ("exempt", "reason"),
    [
        (Exemptions(users=frozenset({"ada"})), "user"),
        (Exemptions(namespaces=frozenset({"shop"})), "namespace"),
        (Exemptions(runtime_classes=frozenset({"vm"})), "runtimeClass"),
        (Exemptions(users=frozenset({"bob"})), None),
    ],
)
def test_exemptions(exempt, reason) -> None:
    admission = request(pod(hostNetwork=True, runtimeClassName="vm"))
    settings = PodSecuritySettings(exempt=exempt)
    message = refusal(plugin(settings=settings, enforce="baseline"), admission)
    assert (message == "") is (reason is not None)
    assert admission.audit_annotations.get(f"{P}exempt") == reason


def test_the_default_is_for_namespaces_without_labels() -> None:
    settings = PodSecuritySettings(default=Policy(enforce=Standard(Level.BASELINE)))
    assert 'violates PodSecurity "baseline:latest"' in refusal(plugin(settings=settings), request(BAD))
    assert refusal(plugin(settings=settings, enforce="privileged"), request(BAD)) == ""


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        (
            {"enforce": "strict"},
            f'Namespace "shop" is invalid: metadata.labels[{P}enforce]: Invalid value: "strict": must be one of '
            "privileged, baseline, restricted",
        ),
        (
            {"warn_version": "1.30"},
            f'Namespace "shop" is invalid: metadata.labels[{P}warn-version]: Invalid value: "1.30": must be '
            '"latest" or "v1.x"',
        ),
        ({"enforce": "baseline", "enforce_version": "latest", "audit_version": "v1.0"}, ""),
    ],
)
def test_labels_of_a_namespace_are_checked(modes, message) -> None:
    error = refused(plugin(), request(space(**modes), "namespaces"))
    assert (error.message if error else "") == message
    assert error is None or error.code == 422


def test_wrong_labels_that_were_there_do_not_block_other_changes() -> None:
    admission = request(space(enforce="strict"), "namespaces", old=space(enforce="strict"))
    assert refusal(plugin(), admission) == ""


def owned(name, uid, **spec):
    return pod(name, metadata={"ownerReferences": [{"uid": uid, "controller": True}]}, **spec)


def test_a_stricter_label_is_tried_on_the_pods_that_are_there() -> None:
    pods = [owned(name, "rs", hostNetwork=True) for name in ("a", "b", "c")] + [
        pod("fine"),
        pod("x", hostPID=True),
    ]
    pods += [pod("y", hostNetwork=True, containers=[container(securityContext={"privileged": True})])]
    admission = request(space(enforce="baseline"), "namespaces", old=space())
    assert admitted(plugin(*pods), admission).warnings == [
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 3 other pods): host namespaces",
        "y: host namespaces, privileged",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"enforce": "restricted"}, {"enforce": "baseline"}),
        ({"enforce": "baseline"}, {"enforce": "privileged"}),
        ({"enforce": "baseline"}, {"enforce": "baseline", "warn": "restricted"}),
    ],
)
def test_a_relaxation_is_tried_on_nothing(before, after) -> None:
    admission = request(space(**after), "namespaces", old=space(**before))
    assert admitted(plugin(BAD), admission).warnings == []


def test_labels_on_an_exempt_namespace_are_told_to_do_nothing() -> None:
    settings = PodSecuritySettings(exempt=Exemptions(namespaces=frozenset({"shop"})))
    admission = request(space(enforce="baseline", warn="restricted"), "namespaces")
    assert admitted(plugin(settings=settings), admission).warnings == [
        'namespace "shop" is exempt from Pod Security, and the policy (enforce=baseline:latest, '
        "warn=restricted:latest) will be ignored"
    ]
