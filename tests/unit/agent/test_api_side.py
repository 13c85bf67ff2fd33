# SPDX-License-Identifier: Apache-2.0
"""Pods, statuses, deletions, mirror pods against a real API server, also one that is away, hangs or talks nonsense."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from lightkube.models import core_v1

from agent.api.mirrors import Mirrors
from agent.api.pods import PodSource
from agent.api.status_writer import StatusWriter
from agent.node.config import NodeSettings
from agent.node.lease import NAMESPACE, Heartbeat
from agent.objects.model import CONFIG_MAP, SECRET, ObjectAbsentError, ObjectUnknownError, Ref
from agent.objects.store import NOT_HEARD, ObjectStore
from agent.pod.report import PodReport
from agent.sources.model import DesiredPod, Origin, PodKey, Snapshot
from kube.client import Client
from kube.config import ClientConfig
from kube.kinds import LEASES, NODES, PODS
from kube.strict import decode
from tests.support.apiserver import Running, running
from tests.support.faulty_proxy import FaultyProxy, Mode, faulty_proxy

Json = dict[str, Any]
SECONDS = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as made:
        yield made


@dataclass
class Side:
    """The API side of one node whose name no other test has."""

    node: str
    proxy: FaultyProxy
    client: Client
    pods: PodSource
    writer: StatusWriter
    mirrors: Mirrors


@asynccontextmanager
async def side(server: Running, node: str = "") -> AsyncIterator[Side]:
    name = node or f"n-{secrets.token_hex(4)}"
    async with faulty_proxy(server.port) as proxy, Client(ClientConfig(proxy.url)) as client:
        pods = PodSource(client, name)
        made = Side(name, proxy, client, pods, StatusWriter(client, pods, name), Mirrors(client, pods, name))
        tasks = [asyncio.create_task(each.run()) for each in (pods, made.writer, made.mirrors)]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not ready():
            await asyncio.sleep(0.01)


def live(story: Callable[[], Any]) -> None:
    asyncio.run(story())


def put_pod(server: Running, node: str, name: str, **metadata: Any) -> Json:
    spec = {
        "nodeName": node,
        "containers": [{"name": "app", "image": "x"}],
        "terminationGracePeriodSeconds": 9,
    }
    answer = server.post(
        "/api/v1/namespaces/default/pods", {"metadata": {"name": name, **metadata}, "spec": spec}
    )
    assert answer.code == 201, answer.body
    return answer.json


def get_pod(server: Running, name: str) -> Json:
    answer = server.get(f"/api/v1/namespaces/default/pods/{name}")
    return answer.json if answer.code == 200 else {}


def status(phase: str, ready: str = "False") -> core_v1.PodStatus:
    return core_v1.PodStatus(phase=phase, conditions=[core_v1.PodCondition(type="Ready", status=ready)])


async def only_pod(made: Side) -> DesiredPod:
    await until(lambda: len(made.pods.snapshot().pods) == 1)
    return next(iter(made.pods.snapshot().pods.values()))


def ready_of(pod: Json) -> tuple[str, str]:
    found = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    return found["status"], found["lastTransitionTime"]


def test_a_status_is_written_once_and_a_restart_writes_nothing(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            put_pod(server, made.node, f"{made.node}-web")
            pod = await only_pod(made)
            made.writer.report(PodReport(pod, status("Running", "True")))
            await until(lambda: get_pod(server, pod.key.name)["status"].get("phase") == "Running")
            written = get_pod(server, pod.key.name)
        async with side(server, made.node) as again:
            same, other = await only_pod(again), put_pod(server, made.node, f"{made.node}-other")
            again.writer.report(PodReport(same, status("Running", "True")))
            await until(lambda: len(again.pods.snapshot().pods) == 2)
            late = next(
                each for each in again.pods.snapshot().pods.values() if each.uid == other["metadata"]["uid"]
            )
            again.writer.report(PodReport(late, status("Pending")))
            await until(lambda: "conditions" in get_pod(server, late.key.name)["status"])
            assert get_pod(server, pod.key.name) == written

    live(story)


def test_conditions_of_others_stay_when_a_pods_own_change(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            put_pod(server, made.node, f"{made.node}-gated")
            pod = await only_pod(made)
            made.writer.report(PodReport(pod, status("Running")))
            await until(lambda: get_pod(server, pod.key.name)["status"].get("phase") == "Running")
            gate = {"type": "example.com/gate", "status": "True"}
            path = f"/api/v1/namespaces/default/pods/{pod.key.name}/status"
            server.patch(path, {"status": {"conditions": [gate]}}, "strategic-merge-patch+json")
            made.writer.report(PodReport(pod, status("Running", "True")))
            await until(lambda: ready_of(get_pod(server, pod.key.name))[0] == "True")
            types = {each["type"] for each in get_pod(server, pod.key.name)["status"]["conditions"]}
            assert "example.com/gate" in types

    live(story)


def test_a_pod_that_is_gone_from_the_node_goes_from_the_api_with_its_last_status(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            put_pod(server, made.node, f"{made.node}-going", finalizers=["example.com/stay"])
            await only_pod(made)
            server.delete(f"/api/v1/namespaces/default/pods/{made.node}-going")
            await until(lambda: all(each.deletion for each in made.pods.snapshot().pods.values()))
            pod = await only_pod(made)
            assert pod.deletion is not None
            assert pod.deletion.grace == 9
            made.writer.report(PodReport(pod, status("Succeeded"), is_gone=True))
            await until(
                lambda: get_pod(server, pod.key.name)["metadata"].get("deletionGracePeriodSeconds") == 0
            )
            assert get_pod(server, pod.key.name)["status"]["phase"] == "Succeeded"
            path = f"/api/v1/namespaces/default/pods/{pod.key.name}"
            server.patch(path, {"metadata": {"finalizers": None}})
            await until(lambda: not get_pod(server, pod.key.name))

    live(story)


def test_the_end_of_a_pod_does_not_hit_its_namesake(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            name = f"{made.node}-again"
            put_pod(server, made.node, name)
            old = await only_pod(made)
            await made.proxy.turn(Mode.REFUSE)
            server.delete(f"/api/v1/namespaces/default/pods/{name}", {"gracePeriodSeconds": 0})
            new = put_pod(server, made.node, name)
            made.writer.report(PodReport(old, status("Failed"), is_gone=True))
            await made.proxy.turn(Mode.PASS)
            await until(
                lambda: [each.uid for each in made.pods.snapshot().pods.values()] == [new["metadata"]["uid"]]
            )
            fresh = await only_pod(made)
            made.writer.report(PodReport(fresh, status("Running", "True")))
            await until(lambda: get_pod(server, name)["status"].get("phase") == "Running")
            assert get_pod(server, name)["metadata"]["uid"] == new["metadata"]["uid"]

    live(story)


@pytest.mark.parametrize("fault", [Mode.REFUSE, Mode.HANG, Mode.GARBAGE])
def test_the_newest_status_arrives_after_whatever_the_server_did(server: Running, fault: Mode) -> None:
    async def story() -> None:
        async with side(server) as made:
            put_pod(server, made.node, f"{made.node}-patient")
            pod = await only_pod(made)
            await made.proxy.turn(fault)
            for phase in ("Pending", "Running"):
                made.writer.report(PodReport(pod, status(phase)))
                # Both are under way, or have failed, before the server is itself again.
                await asyncio.sleep(0)
            await made.proxy.turn(Mode.PASS)
            await until(lambda: get_pod(server, pod.key.name)["status"].get("phase") == "Running")
            assert not made.pods.snapshot().is_blind

    live(story)


def test_a_start_without_the_server_is_blind_and_has_the_remembered_pods() -> None:
    async def story() -> None:
        async with faulty_proxy(1) as proxy, Client(ClientConfig(proxy.url)) as client:
            await proxy.turn(Mode.HANG)
            raw = {
                "metadata": {"name": "web", "namespace": "d", "uid": "u"},
                "spec": {"containers": [{"name": "a"}]},
            }
            source = PodSource(client, "n", remembered={"u": raw})
            task = asyncio.create_task(source.run())
            snapshots = source.watch()
            first = await anext(snapshots)
            assert first.is_blind
            assert [str(key) for key in first.pods] == ["d/web"]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    live(story)


def static(name: str, *, uid: str = "11111111-2222-3333-4444-555555555555", image: str = "x") -> DesiredPod:
    raw = {
        "metadata": {"name": name, "namespace": "default", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }
    pod = decode(core_v1.Pod, raw).value
    assert pod is not None
    return DesiredPod(PodKey("default", name), uid, pod, "a.yaml:1", Origin.FILE)


def test_a_static_pod_has_a_mirror_that_follows_it_and_comes_back(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            node = (await made.client.create(NODES, {"metadata": {"name": made.node}}))["metadata"]["uid"]
            made.mirrors.own(node)
            name, pod = f"st-{made.node}", static("st")
            made.mirrors.follow_folder(Snapshot({pod.key: pod}))
            await until(lambda: bool(get_pod(server, name)))
            mirror = get_pod(server, name)
            assert mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] == pod.uid
            assert mirror["metadata"]["labels"] == {"a": "b"}
            assert mirror["metadata"]["ownerReferences"][0]["uid"] == node
            assert mirror["spec"]["nodeName"] == made.node
            assert made.pods.snapshot().pods == {}
            # Its status goes there, also to the next one after somebody deleted it.
            made.writer.report(PodReport(pod, status("Running", "True")))
            await until(lambda: get_pod(server, name).get("status", {}).get("phase") == "Running")
            server.delete(f"/api/v1/namespaces/default/pods/{name}")
            await until(lambda: _uid(server, name) not in ("", mirror["metadata"]["uid"]))
            await until(lambda: get_pod(server, name).get("status", {}).get("phase") == "Running")
            # Another manifest is another pod.
            other = replace(static("st", image="y"), uid="21111111-2222-3333-4444-555555555555")
            made.mirrors.follow_folder(Snapshot({other.key: other}))
            await until(lambda: _image(server, name) == "y")
            # What cannot be read keeps its mirror; what is gone does not.
            made.mirrors.follow_folder(Snapshot({}, is_blind=True))
            made.mirrors.follow_folder(Snapshot({other.key: other}))
            assert _image(server, name) == "y"
            made.mirrors.follow_folder(Snapshot({}))
            await until(lambda: not get_pod(server, name))

    live(story)


def _uid(server: Running, name: str) -> str:
    return str(get_pod(server, name).get("metadata", {}).get("uid", ""))


def _image(server: Running, name: str) -> str:
    return str(get_pod(server, name).get("spec", {}).get("containers", [{}])[0].get("image", ""))


def test_objects_are_followed_one_by_one_and_wake_who_names_them(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            woken = list[frozenset[str]]()
            store = ObjectStore(made.client)
            store.wake = woken.append
            task = asyncio.create_task(store.run())
            ref, missing = (
                Ref(CONFIG_MAP, "default", f"{made.node}-c"),
                Ref(SECRET, "default", f"{made.node}-s"),
            )
            with pytest.raises(ObjectUnknownError, match=NOT_HEARD):
                store.get(ref)
            config_maps = "/api/v1/namespaces/default/configmaps"
            server.post(config_maps, {"metadata": {"name": ref.name}, "data": {"k": "1"}})
            store.follow("pod-1", frozenset({ref}))
            store.follow("pod-2", frozenset({ref, missing}))
            await until(lambda: frozenset({"pod-1", "pod-2"}) in woken and frozenset({"pod-2"}) in woken)
            assert store.get(ref).data == {"k": "1"}  # type: ignore[attr-defined]
            with pytest.raises(ObjectAbsentError, match=f'^secret "{missing.name}" not found$'):
                store.get(missing)
            woken.clear()
            server.patch(f"{config_maps}/{ref.name}", {"data": {"k": "2"}})
            await until(lambda: woken == [frozenset({"pod-1", "pod-2"})])
            assert store.get(ref).data == {"k": "2"}  # type: ignore[attr-defined]
            # Nobody needs it any more: it is forgotten.
            store.keep_only({"none"})
            with pytest.raises(ObjectUnknownError):
                store.get(ref)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    live(story)


def test_an_immutable_object_is_read_once(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            store = ObjectStore(made.client)
            ref = Ref(CONFIG_MAP, "default", f"{made.node}-fixed")
            body = {"metadata": {"name": ref.name}, "data": {"k": "1"}, "immutable": True}
            server.post("/api/v1/namespaces/default/configmaps", body)
            store.follow("pod", frozenset({ref}))
            await until(lambda: ref in store.held())
            await until(
                lambda: all(task.done() for task in asyncio.all_tasks() if str(ref) in task.get_name())
            )
            assert store.get(ref).data == {"k": "1"}  # type: ignore[attr-defined]

    live(story)


def test_the_lease_is_made_and_renewed_through_failures(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            await made.proxy.turn(Mode.GARBAGE)
            settings = NodeSettings(renew_seconds=0.05)
            heartbeat = Heartbeat(made.client, made.node, settings)
            task = asyncio.create_task(heartbeat.run())
            await made.proxy.turn(Mode.PASS)
            await heartbeat.renewed.wait()
            first = await made.client.get(LEASES, made.node, NAMESPACE)
            assert first["spec"]["holderIdentity"] == made.node
            assert first["spec"]["leaseDurationSeconds"] == 40
            heartbeat.own("uid-of-node")
            path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{made.node}"
            await until(lambda: server.get(path).json["metadata"].get("ownerReferences") is not None)
            assert server.get(path).json["spec"]["renewTime"] > first["spec"]["renewTime"]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    live(story)


def test_only_pods_of_this_node_are_taken(server: Running) -> None:
    async def story() -> None:
        async with side(server) as made:
            put_pod(server, "elsewhere", f"{made.node}-theirs")
            put_pod(server, made.node, f"{made.node}-mine")
            pod = await only_pod(made)
            assert pod.key.name == f"{made.node}-mine"
            assert pod.source == "api"
            await made.client.delete(PODS, pod.key.name, "default", grace_seconds=0)
            await until(lambda: made.pods.snapshot().pods == {})

    live(story)
