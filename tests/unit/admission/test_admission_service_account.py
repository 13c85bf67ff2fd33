# SPDX-License-Identifier: Apache-2.0
"""ServiceAccount: the account, its token volume, its pull secrets, its secrets."""

import asyncio
import re

import pytest

from controlplane.admission.service_account import ServiceAccount
from controlplane.admission.token_volume import MOUNT_PATH
from tests.support.admission import (
    FakeCluster,
    admit,
    admitted,
    container,
    core,
    named,
    pod,
    refusal,
    request,
)

ACCOUNTS = (
    named("default", "shop"),
    named("puller", "shop", imagePullSecrets=[{"name": "registry"}]),
    named("shy", "shop", automountServiceAccountToken=False),
    named(
        "strict",
        "shop",
        metadata={"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}},
        secrets=[{"name": "mine"}],
        imagePullSecrets=[{"name": "registry"}],
    ),
)
PLUGIN = ServiceAccount(core("serviceaccounts", ACCOUNTS), pause=0)
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "x"}}


def spec_of(**spec):
    return admitted(PLUGIN, request(pod(**spec))).object["spec"]


def test_a_pod_gets_the_default_account_and_its_token() -> None:
    spec = spec_of(initContainers=[container("init")])
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    (volume,) = spec["volumes"]
    assert re.fullmatch(r"kube-api-access-[a-z0-9]{5}", volume["name"])
    assert volume["projected"] == {
        "defaultMode": 0o644,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "namespace",
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        }
                    ]
                }
            },
        ],
    }
    mount = {"name": volume["name"], "mountPath": MOUNT_PATH, "readOnly": True}
    assert [one["volumeMounts"] for one in spec["initContainers"] + spec["containers"]] == [[mount], [mount]]


@pytest.mark.parametrize(
    ("spec", "mounted"),
    [
        ({}, True),
        ({"automountServiceAccountToken": False}, False),
        ({"serviceAccountName": "shy"}, False),
        ({"serviceAccountName": "shy", "automountServiceAccountToken": True}, True),
        ({"containers": [container(volumeMounts=[{"name": "own", "mountPath": MOUNT_PATH}])]}, False),
    ],
)
def test_who_gets_the_volume(spec, mounted) -> None:
    assert bool(spec_of(**spec).get("volumes")) is mounted


def test_a_copy_of_a_running_pod_keeps_its_volume() -> None:
    volume = {"name": "kube-api-access-abcde", "projected": {"sources": []}}
    spec = spec_of(volumes=[volume])
    assert spec["volumes"] == [volume]
    assert spec["containers"][0]["volumeMounts"][0]["name"] == "kube-api-access-abcde"


def test_pull_secrets_come_from_the_account_unless_the_pod_has_its_own() -> None:
    assert spec_of(serviceAccountName="puller")["imagePullSecrets"] == [{"name": "registry"}]
    own = [{"name": "own"}]
    assert spec_of(serviceAccountName="puller", imagePullSecrets=own)["imagePullSecrets"] == own


def secret_env(name):
    return [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}}]


def strict(**spec):
    return pod(serviceAccountName="strict", **spec)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            pod(serviceAccountName="gone"),
            'error looking up service account shop/gone: serviceaccount "gone" not found',
        ),
        (
            pod(namespace="empty"),
            'error looking up service account empty/default: serviceaccount "default" not found',
        ),
        (
            pod(metadata=MIRROR, serviceAccountName="default"),
            "a mirror pod may not reference service accounts",
        ),
        (
            pod(metadata=MIRROR, volumes=[{"name": "s", "secret": {"secretName": "x"}}]),
            "a mirror pod may not reference secrets",
        ),
        (
            pod(
                metadata=MIRROR,
                volumes=[{"name": "s", "projected": {"sources": [{"serviceAccountToken": {}}]}}],
            ),
            "a mirror pod may not use ServiceAccountToken volume projections",
        ),
        (
            strict(volumes=[{"name": "s", "secret": {"secretName": "theirs"}}]),
            'volume with secret.secretName="theirs" is not allowed because service account strict does not '
            "reference that secret",
        ),
        (
            strict(containers=[container(env=secret_env("theirs"))]),
            'container app with envVar KEY referencing secret.secretName="theirs" is not allowed because '
            "service account strict does not reference that secret",
        ),
        (
            strict(containers=[container(envFrom=[{"secretRef": {"name": "theirs"}}])]),
            'container app with envFrom referencing secret.secretName="theirs" is not allowed because service '
            "account strict does not reference that secret",
        ),
        (
            strict(imagePullSecrets=[{"name": "theirs"}]),
            'imagePullSecrets[0].name="theirs" is not allowed because service account strict does not reference '
            "that imagePullSecret",
        ),
    ],
)
def test_refusals(made, why) -> None:
    assert refusal(PLUGIN, request(made)) == f'pods "web" is forbidden: {why}'


def test_listed_secrets_are_allowed() -> None:
    volumes = [{"name": "s", "secret": {"secretName": "mine"}}]
    assert refusal(PLUGIN, request(strict(volumes=volumes))) == ""


def test_mirror_pods_are_left_alone() -> None:
    made = pod(metadata=MIRROR)
    assert "volumes" not in admitted(PLUGIN, request(made)).object["spec"]


def test_ephemeral_containers_are_checked_too() -> None:
    new = strict(ephemeralContainers=[container("debug", env=secret_env("theirs"))])
    message = refusal(PLUGIN, request(new, old=strict(), subresource="ephemeralcontainers"))
    assert 'ephemeral container debug with envVar KEY referencing secret.secretName="theirs"' in message


@pytest.mark.parametrize("subresource", ["status", "binding", "resize"])
def test_other_subresources_and_updates_pass(subresource) -> None:
    gone = pod(serviceAccountName="gone")
    assert refusal(PLUGIN, request(gone, subresource=subresource)) == ""
    assert refusal(PLUGIN, request(gone, old=gone)) == ""


def test_the_account_of_a_new_namespace_is_waited_for() -> None:
    class Slow(FakeCluster):
        asked = 0

        async def get(self, group, plural, namespace, name):
            self.asked += 1
            if self.asked == 3:
                self.put("", "serviceaccounts", named("default", "shop"))
            return await super().get(group, plural, namespace, name)

    admission = asyncio.run(admit(ServiceAccount(Slow(), pause=0), request(pod())))
    assert admission.object["spec"]["serviceAccountName"] == "default"
