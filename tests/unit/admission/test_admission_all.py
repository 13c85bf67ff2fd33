# SPDX-License-Identifier: Apache-2.0
"""All plugins together, in their order."""

import asyncio

import pytest

from controlplane.admission import chain
from controlplane.admission.base import AdmissionPlugin
from controlplane.admission.defaults import default_plugins
from controlplane.request import Operation
from tests.support.admission import admit, cluster, named, pod, refusal, request

GROUP = "scheduling.k8s.io"
LIMITS = {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "500m"}}
HARD = {"requests.cpu": "1", "pods": "5"}


def shop():
    status = {"hard": HARD, "used": dict.fromkeys(HARD, "0")}
    return cluster(
        ("", "namespaces", named("shop", status={"phase": "Active"})),
        ("", "serviceaccounts", named("default", "shop")),
        ("", "limitranges", named("limits", "shop", spec={"limits": [LIMITS]})),
        ("", "resourcequotas", named("compute", "shop", spec={"hard": HARD}, status=status)),
        (GROUP, "priorityclasses", named("high", value=7)),
    )


class Restriction(AdmissionPlugin):
    name = "NodeRestriction"


def test_every_plugin_has_its_place() -> None:
    store = shop()
    plugins = default_plugins(store, store, Restriction())
    assert tuple(plugin.name for plugin in plugins) == chain.ORDER
    fewer = default_plugins(store, store, without=["PodSecurity"])
    assert "PodSecurity" not in [plugin.name for plugin in fewer]


def test_a_quota_counts_what_a_limit_range_filled_in() -> None:
    store = shop()
    plugins = default_plugins(store, store)

    async def run():
        for index in range(2):
            await admit(plugins, request(pod(f"p{index}", priorityClassName="high")))

    asyncio.run(run())
    assert refusal(plugins, request(pod("p3"))) == (
        'pods "p3" is forbidden: exceeded quota: compute, requested: requests.cpu=500m, used: requests.cpu=1, '
        "limited: requests.cpu=1"
    )


def test_what_a_pod_looks_like_in_the_end() -> None:
    store = shop()
    made = asyncio.run(admit(default_plugins(store, store), request(pod(priorityClassName="high")))).object
    spec = made["spec"]
    assert spec["serviceAccountName"] == "default"
    assert spec["priority"] == 7
    assert len(spec["tolerations"]) == 2
    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}
    assert spec["volumes"][0]["name"].startswith("kube-api-access-")


@pytest.mark.parametrize("subresource", ["status", "binding", "eviction"])
def test_most_subresources_pass_untouched(subresource) -> None:
    store = shop()
    operation = Operation.UPDATE if subresource == "status" else Operation.CREATE
    bare = pod(runtimeClassName="gone", serviceAccountName="gone", priorityClassName="gone")
    before = {**bare["spec"]}
    admission = request(
        bare, old=pod() if subresource == "status" else None, operation=operation, subresource=subresource
    )
    made = asyncio.run(admit(default_plugins(store, store), admission)).object
    assert made["spec"] == before


def test_a_delete_asks_for_nothing() -> None:
    store = shop()
    admission = request(None, old=pod(namespace="nowhere"), operation=Operation.DELETE)
    assert refusal(default_plugins(store, store), admission) == ""
