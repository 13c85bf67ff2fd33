# SPDX-License-Identifier: Apache-2.0
"""All controllers and the scheduler against the real API server, with nodes that run nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.admission.defaults import default_plugins
from controlplane.controllers.main import ControllersConfig, run_controllers
from controlplane.registry import default_registry
from controlplane.store.memory import MemoryStore
from controlplane.verbs.reader import StoreReader
from controlplane.verbs.writer import StoreWriter
from kube.client import Client, PatchType
from kube.config import ClientConfig
from kube.errors import ApiStatusError
from kube.kinds import (
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Kind,
)
from tests.support.apiserver import running
from tests.support.eventually import in_background
from tests.support.fake_kubelet import FakeKubelet

Json = dict[str, Any]

CONFIG = ControllersConfig(identity="test", ca_pem="the CA", pod_cidrs=("10.244.0.0/16",))


@asynccontextmanager
async def cluster(*names: str, config: ControllersConfig = CONFIG) -> AsyncIterator[Client]:
    registry, store = default_registry(), MemoryStore()
    plugins = default_plugins(StoreReader(registry, store), StoreWriter(registry, store))
    with running(registry, store=store, plugins=plugins) as server:
        async with Client(ClientConfig(server.url)) as client:
            kubelets = [FakeKubelet(client, name, number) for number, name in enumerate(names, 1)]
            for kubelet in kubelets:
                await kubelet.start()
            async with in_background(
                run_controllers(client, config), *(kubelet.run() for kubelet in kubelets)
            ):
                yield client


async def until(question: Callable[[], Awaitable[object]], seconds: float = 30.0) -> None:
    """Ask until the answer is yes; not being there is no."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                if await question():
                    return
            except ApiStatusError as error:
                if not error.is_not_found:
                    raise
            await asyncio.sleep(0.02)


async def items(client: Client, kind: Kind, namespace: str = "default", **selectors: str) -> list[Json]:
    found: list[Json] = (await client.list(kind, namespace, **selectors))["items"]
    return found


def deployment(image: str = "one", replicas: int = 3, **spec: Any) -> Json:
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 80}]}
                    ]
                },
            },
            **spec,
        },
    }


async def is_rolled_out(client: Client, image: str, replicas: int) -> bool:
    found = await client.get(DEPLOYMENTS, "web", "default")
    status = found.get("status", {})
    pods = await items(client, PODS, labels="app=web")
    return (
        status.get("observedGeneration") == found["metadata"]["generation"]
        and status.get("updatedReplicas")
        == status.get("availableReplicas")
        == status.get("replicas")
        == replicas
        and [pod["spec"]["containers"][0]["image"] for pod in pods] == [image] * replicas
    )


def test_a_deployment_runs_is_updated_scaled_undone_and_deleted() -> None:
    async def main() -> None:
        async with cluster("node1", "node2") as client:
            await client.create(DEPLOYMENTS, deployment())
            await client.create(
                SERVICES,
                {
                    "metadata": {"name": "web", "namespace": "default"},
                    "spec": {
                        "selector": {"app": "web"},
                        "clusterIP": "None",
                        "ports": [{"port": 80, "targetPort": "http"}],
                    },
                },
            )
            await until(lambda: is_rolled_out(client, "one", 3))
            nodes = {pod["spec"]["nodeName"] for pod in await items(client, PODS)}
            assert nodes == {"node1", "node2"}

            async def addresses() -> set[str]:
                slices = await items(client, ENDPOINT_SLICES)
                return {
                    endpoint["addresses"][0]
                    for item in slices
                    for endpoint in item.get("endpoints") or ()
                    if endpoint["conditions"]["ready"]
                }

            async def told_all() -> bool:
                wanted = {pod["status"]["podIP"] for pod in await items(client, PODS)}
                (endpoints,) = await items(client, ENDPOINTS)
                subset = (endpoints.get("subsets") or [{}])[0]
                listed = {item["ip"] for item in subset.get("addresses", ())}
                return await addresses() == wanted == listed

            await until(told_all)
            change = {"spec": {"template": deployment("two")["spec"]["template"]}}
            await client.patch(DEPLOYMENTS, "web", change, namespace="default", type=PatchType.STRATEGIC)
            await until(lambda: is_rolled_out(client, "two", 3))
            assert len(await items(client, REPLICA_SETS)) == 2
            await until(told_all)
            await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, namespace="default")
            await until(lambda: is_rolled_out(client, "two", 5))
            back = {"spec": {"template": deployment("one")["spec"]["template"]}}
            await client.patch(DEPLOYMENTS, "web", back, namespace="default", type=PatchType.STRATEGIC)
            await until(lambda: is_rolled_out(client, "one", 5))
            assert len(await items(client, REPLICA_SETS)) == 2
            await client.delete(DEPLOYMENTS, "web", "default", propagation="Background")

            async def nothing_left() -> bool:
                return not await items(client, PODS) and not await items(client, REPLICA_SETS)

            await until(nothing_left)
            await client.delete(SERVICES, "web", "default")

            async def no_slices() -> bool:
                return not await items(client, ENDPOINT_SLICES) and not await items(client, ENDPOINTS)

            await until(no_slices)

    asyncio.run(main())


def test_foreground_and_orphan_deletion() -> None:
    async def main() -> None:
        async with cluster("node1") as client:
            await client.create(DEPLOYMENTS, deployment(replicas=2))
            await until(lambda: is_rolled_out(client, "one", 2))
            await client.delete(DEPLOYMENTS, "web", "default", propagation="Orphan")

            async def is_gone() -> bool:
                return not await items(client, DEPLOYMENTS)

            await until(is_gone)
            (orphan,) = await items(client, REPLICA_SETS)
            assert "ownerReferences" not in orphan["metadata"]
            assert len(await items(client, PODS)) == 2
            # A new one of the same name takes the orphan over.
            await client.create(DEPLOYMENTS, deployment(replicas=2))

            async def adopted() -> bool:
                (found,) = await items(client, REPLICA_SETS)
                return bool(found["metadata"].get("ownerReferences"))

            await until(adopted)
            await client.delete(DEPLOYMENTS, "web", "default", propagation="Foreground")
            await until(is_gone)
            assert await items(client, REPLICA_SETS) == []
            assert await items(client, PODS) == []

    asyncio.run(main())


def test_namespaces_get_what_pods_expect_and_are_emptied() -> None:
    async def main() -> None:
        async with cluster("node1") as client:
            await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
            await until(lambda: client.get(SERVICE_ACCOUNTS, "default", "shop"))

            async def has_ca() -> bool:
                found = await client.get(CONFIG_MAPS, "kube-root-ca.crt", "shop")
                return bool(found["data"] == {"ca.crt": "the CA"})

            await until(has_ca)
            await client.patch(CONFIG_MAPS, "kube-root-ca.crt", {"data": {"ca.crt": "x"}}, namespace="shop")
            await until(has_ca)
            made = deployment()
            made["metadata"]["namespace"] = "shop"
            await client.create(DEPLOYMENTS, made)

            async def runs() -> bool:
                return len(await items(client, PODS, "shop")) == 3

            await until(runs)
            await client.delete(NAMESPACES, "shop")

            async def is_gone() -> bool:
                listed = await client.list(NAMESPACES)
                return "shop" not in {item["metadata"]["name"] for item in listed["items"]}

            await until(is_gone)
            for kind in (PODS, DEPLOYMENTS, REPLICA_SETS, CONFIG_MAPS, SERVICE_ACCOUNTS):
                assert await items(client, kind, "shop") == []

    asyncio.run(main())


def test_nodes_get_ranges_of_their_own() -> None:
    async def main() -> None:
        async with cluster("node1", "node2", "node3") as client:

            async def ranges() -> list[str]:
                listed = (await client.list(NODES))["items"]
                return [node["spec"].get("podCIDR", "") for node in listed]

            async def all_have() -> bool:
                return all(await ranges())

            await until(all_have)
            assert sorted(await ranges()) == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]

    asyncio.run(main())


def test_a_quota_is_counted_holds_and_gives_back() -> None:
    async def main() -> None:
        async with cluster("node1") as client:
            hard = {"pods": "3", "count/replicasets.apps": "5", "count/nothing.example.com": "1"}
            await client.create(
                RESOURCE_QUOTAS,
                {"metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": hard}},
            )

            def used(**wanted: str) -> Callable[[], Awaitable[bool]]:
                async def question() -> bool:
                    status = (await client.get(RESOURCE_QUOTAS, "q", "default")).get("status", {})
                    names = {"pods": "pods", "sets": "count/replicasets.apps"}
                    found = status.get("used", {})
                    return status.get("hard") == hard and found == {
                        names[name]: amount for name, amount in wanted.items()
                    }

                return question

            await until(used(pods="0", sets="0"))
            await client.create(DEPLOYMENTS, deployment(replicas=5))
            await until(used(pods="3", sets="1"))
            (found,) = await items(client, REPLICA_SETS)

            async def is_refused() -> bool:
                status = (await client.get(REPLICA_SETS, found["metadata"]["name"], "default"))["status"]
                told = [item["message"] for item in status.get("conditions") or ()]
                return any(
                    "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3" in text
                    for text in told
                )

            await until(is_refused)
            assert len(await items(client, PODS)) == 3
            await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 1}}, namespace="default")
            await until(used(pods="1", sets="1"))

    asyncio.run(main())


def test_a_budget_holds_pods_and_lets_them_go() -> None:
    async def main() -> None:
        async with cluster("node1") as client:
            selector = {"matchLabels": {"app": "web"}}
            await client.create(
                DISRUPTION_BUDGETS,
                {
                    "metadata": {"name": "web", "namespace": "default"},
                    "spec": {"minAvailable": 3, "selector": selector},
                },
            )
            await client.create(DEPLOYMENTS, deployment(replicas=3))

            def allows(*wanted: int) -> Callable[[], Awaitable[bool]]:
                async def question() -> bool:
                    status = (await client.get(DISRUPTION_BUDGETS, "web", "default"))["status"]
                    names = ("expectedPods", "currentHealthy", "disruptionsAllowed")
                    return tuple(status[name] for name in names) == wanted

                return question

            async def evict() -> None:
                name = (await items(client, PODS))[0]["metadata"]["name"]
                body = {
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": name, "namespace": "default"},
                }
                await client.create(PODS, body, subresource="eviction", name=name)

            await until(allows(3, 3, 0))
            with pytest.raises(ApiStatusError) as refused:
                await evict()
            assert refused.value.code == 429
            (cause,) = refused.value.status["details"]["causes"]
            assert cause["message"] == "The disruption budget web needs 3 healthy pods and has 3 currently"
            change = {"spec": {"minAvailable": None, "maxUnavailable": 1}}
            await client.patch(DISRUPTION_BUDGETS, "web", change, namespace="default")
            for _ in range(2):
                await until(allows(3, 3, 1))
                await evict()

    asyncio.run(main())


def test_events_end_and_roles_are_summed_up() -> None:
    async def main() -> None:
        config = replace(CONFIG, event_lifetime=timedelta(seconds=2))
        async with cluster(config=config) as client:
            about = {"kind": "ConfigMap", "name": "x", "namespace": "default"}
            for name, age in (("old", 3000), ("new", -3000)):
                when = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
                await client.create(
                    EVENTS,
                    {
                        "metadata": {"name": name, "namespace": "default"},
                        "involvedObject": about,
                        "lastTimestamp": when,
                    },
                )
            sums = {"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]}
            rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
            await client.create(CLUSTER_ROLES, {"metadata": {"name": "sum"}, "aggregationRule": sums})
            await client.create(
                CLUSTER_ROLES, {"metadata": {"name": "part", "labels": {"part": "yes"}}, "rules": rules}
            )

            async def summed_up() -> bool:
                return (await client.get(CLUSTER_ROLES, "sum")).get("rules") == rules

            async def only_new() -> bool:
                return [event["metadata"]["name"] for event in await items(client, EVENTS)] == ["new"]

            await until(summed_up)
            await until(only_new)

    asyncio.run(main())


def test_a_daemonset_is_on_every_node_and_updates_with_a_history() -> None:
    async def main() -> None:
        async with cluster("node1", "node2", "node3") as client:
            made = deployment()
            del made["spec"]["replicas"]
            made["metadata"]["name"] = "logs"
            await client.create(DAEMON_SETS, made)

            def runs(image: str, nodes: set[str]) -> Callable[[], Awaitable[bool]]:
                async def question() -> bool:
                    found = await client.get(DAEMON_SETS, "logs", "default")
                    status = found["status"]
                    pods = await items(client, PODS)
                    return (
                        status.get("observedGeneration") == found["metadata"]["generation"]
                        and status["desiredNumberScheduled"] == len(nodes)
                        and status.get("updatedNumberScheduled")
                        == status.get("numberAvailable")
                        == len(nodes)
                        and {pod["spec"].get("nodeName") for pod in pods} == nodes
                        and {pod["spec"]["containers"][0]["image"] for pod in pods} == {image}
                    )

                return question

            everywhere = {"node1", "node2", "node3"}
            await until(runs("one", everywhere))
            change = {"spec": {"template": deployment("two")["spec"]["template"]}}
            await client.patch(DAEMON_SETS, "logs", change, namespace="default", type=PatchType.STRATEGIC)
            await until(runs("two", everywhere))
            history = {item["revision"]: item["data"] for item in await items(client, CONTROLLER_REVISIONS)}
            assert set(history) == {1, 2}
            # What kubectl rollout undo sends.
            await client.patch(DAEMON_SETS, "logs", history[1], namespace="default", type=PatchType.STRATEGIC)
            await until(runs("one", everywhere))
            assert {item["revision"] for item in await items(client, CONTROLLER_REVISIONS)} == {2, 3}
            await client.patch(NODES, "node1", {"metadata": {"labels": {"skip": "yes"}}})
            away = {"key": "skip", "operator": "DoesNotExist"}
            terms = {"nodeSelectorTerms": [{"matchExpressions": [away]}]}
            affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
            change = {"spec": {"template": {"spec": {"affinity": affinity}}}}
            await client.patch(DAEMON_SETS, "logs", change, namespace="default")
            await until(runs("one", {"node2", "node3"}))
            await client.delete(DAEMON_SETS, "logs", "default", propagation="Foreground")

            async def nothing_left() -> bool:
                return not await items(client, PODS) and not await items(client, CONTROLLER_REVISIONS)

            await until(nothing_left)

    asyncio.run(main())
