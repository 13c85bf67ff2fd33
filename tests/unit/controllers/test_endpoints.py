# SPDX-License-Identifier: Apache-2.0
import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.controllers import endpoints, endpointslice
from controlplane.controllers.operations import Create, Delete, Operation, Update
from tests.unit.controllers.objects import going, metadata, pod

Json = dict[str, Any]


def service(**spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("web", labels={"tier": "front"}),
        "spec": {
            "selector": {"app": "web"},
            "clusterIP": "10.96.0.7",
            "ipFamilies": ["IPv4"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
            **spec,
        },
    }


def backend(name: str, *addresses: str, ready: bool = True, **more: Any) -> Json:
    made = pod(name, ready=-5 if ready else None, **more)
    made["status"]["podIPs"] = [{"ip": address} for address in addresses]
    return made


def no_zone(_: str) -> str:
    return ""


def conditions(operations: list[Operation]) -> dict[str, tuple[bool, bool, bool]]:
    found = {}
    for operation in operations:
        assert isinstance(operation, Create)
        for endpoint in operation.obj["endpoints"]:
            state = endpoint["conditions"]
            found[endpoint["addresses"][0]] = (state["ready"], state["serving"], state["terminating"])
    return found


def test_a_slice_says_where_the_pods_are() -> None:
    asked, one = service(), backend("a", "10.0.0.1", node="n1")
    (made,) = endpointslice.plan(asked, [one], [], {"n1": "east"}.__getitem__)
    assert isinstance(made, Create)
    assert made.obj["metadata"]["labels"] == {
        "tier": "front",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert made.obj["addressType"] == "IPv4"
    assert made.obj["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    (endpoint,) = made.obj["endpoints"]
    assert endpoint == {
        "addresses": ["10.0.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "name": "a", "namespace": "default", "uid": one["metadata"]["uid"]},
        "nodeName": "n1",
        "zone": "east",
    }


def test_conditions() -> None:
    pods = [
        backend("a", "10.0.0.1"),
        backend("b", "10.0.0.2", ready=False),
        going(backend("c", "10.0.0.3")),
        going(backend("d", "10.0.0.4", ready=False)),
        backend("e", "10.0.0.5", ready=False, phase="Succeeded"),
        backend("f"),
        backend("g", "10.0.0.7", labels={"app": "db"}),
    ]
    assert conditions(endpointslice.plan(service(), pods, [], no_zone)) == {
        "10.0.0.1": (True, True, False),
        "10.0.0.2": (False, False, False),
        "10.0.0.3": (False, True, True),
        "10.0.0.4": (False, False, True),
    }
    always = endpointslice.plan(service(publishNotReadyAddresses=True), pods[:4], [], no_zone)
    assert conditions(always)["10.0.0.4"] == (True, True, True)


def test_named_ports_differ_by_pod_and_make_slices_of_their_own() -> None:
    def listening(name: str, address: str, port: int) -> Json:
        made = backend(name, address)
        made["spec"]["containers"] = [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]
        return made

    asked = service(ports=[{"port": 80, "targetPort": "web"}])
    pods = [
        listening("a", "10.0.0.1", 8080),
        listening("b", "10.0.0.2", 9090),
        listening("c", "10.0.0.3", 8080),
    ]
    found = endpointslice.plan(asked, pods, [], no_zone)
    by_port = {
        operation.obj["ports"][0]["port"]: [item["addresses"][0] for item in operation.obj["endpoints"]]
        for operation in found
        if isinstance(operation, Create)
    }
    assert by_port == {8080: ["10.0.0.1", "10.0.0.3"], 9090: ["10.0.0.2"]}


def test_dual_stack_has_slices_of_both_families() -> None:
    asked = service(ipFamilies=["IPv4", "IPv6"])
    found = endpointslice.plan(asked, [backend("a", "10.0.0.1", "fd00::1")], [], no_zone)
    assert {operation.obj["addressType"] for operation in found if isinstance(operation, Create)} == {
        "IPv4",
        "IPv6",
    }
    assert endpoints.plan(asked, [backend("a", "10.0.0.1", "fd00::1")], None)


def test_headless_pods_have_hostnames_and_services_without_pods_an_empty_slice() -> None:
    asked = service(clusterIP="None")
    named = backend("a", "10.0.0.1", hostname="db-0", subdomain="web")
    (made,) = endpointslice.plan(asked, [named], [], no_zone)
    assert isinstance(made, Create)
    assert made.obj["endpoints"][0]["hostname"] == "db-0"
    assert made.obj["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    (empty,) = endpointslice.plan(asked, [], [], no_zone)
    assert isinstance(empty, Create)
    assert (empty.obj["endpoints"], empty.obj["ports"]) == ([], [])


@pytest.mark.parametrize("spec", [{"selector": None}, {"type": "ExternalName"}])
def test_services_that_are_not_ours_are_left_alone(spec: Json) -> None:
    assert endpointslice.plan(service(**spec), [backend("a", "10.0.0.1")], [], no_zone) == []
    assert endpoints.plan(service(**spec), [backend("a", "10.0.0.1")], None) == []


class Slices:
    """The slices as an API server would keep them."""

    def __init__(self) -> None:
        self.kept: dict[str, Json] = {}
        self.writes = 0

    def apply(self, operations: list[Operation]) -> None:
        self.writes += len(operations)
        for operation in operations:
            match operation:
                case Create(_, obj):
                    made = copy.deepcopy(obj)
                    made["metadata"] |= metadata(f"web-{self.writes}-{len(self.kept)}")
                    self.kept[made["metadata"]["name"]] = made
                case Update(_, obj):
                    self.kept[obj["metadata"]["name"]] = copy.deepcopy(obj)
                case Delete(_, obj):
                    del self.kept[obj["metadata"]["name"]]

    def addresses(self) -> list[str]:
        return sorted(
            endpoint["addresses"][0] for item in self.kept.values() for endpoint in item["endpoints"]
        )


def test_250_pods_are_three_slices_and_one_pod_more_is_one_write() -> None:
    slices, asked = Slices(), service()
    pods = [backend(f"p{n:03}", f"10.0.{n // 250}.{n % 250}") for n in range(250)]
    slices.apply(endpointslice.plan(asked, pods, [], no_zone))
    assert sorted(len(item["endpoints"]) for item in slices.kept.values()) == [50, 100, 100]
    more = endpointslice.plan(asked, [*pods, backend("new", "10.0.9.9")], list(slices.kept.values()), no_zone)
    assert [type(operation) for operation in more] == [Update]


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_slices_always_come_to_what_the_pods_are(seed: int) -> None:
    chance = random.Random(seed)
    slices, asked, pods = Slices(), service(), dict[str, Json]()
    for step in range(25):
        for _ in range(chance.randrange(60)):
            name = f"p{chance.randrange(400)}"
            if name in pods and chance.random() < 0.5:
                del pods[name]
            else:
                number = int(name[1:])
                pods[name] = backend(
                    name, f"10.0.{number // 250}.{number % 250}", ready=chance.random() < 0.8
                )
        if step == 12:
            asked = service(ports=[{"name": "http", "port": 80, "targetPort": 9090}])
        slices.apply(endpointslice.plan(asked, pods.values(), list(slices.kept.values()), no_zone))
        assert slices.addresses() == sorted(item["status"]["podIPs"][0]["ip"] for item in pods.values())
        assert all(len(item["endpoints"]) <= endpointslice.MOST for item in slices.kept.values())
        assert all(item["endpoints"] for item in slices.kept.values()) or (len(slices.kept) == 1 and not pods)
        assert endpointslice.plan(asked, pods.values(), list(slices.kept.values()), no_zone) == []


def test_endpoints_tell_ready_and_other_addresses_apart() -> None:
    pods = [
        backend("b", "10.0.0.2"),
        backend("a", "10.0.0.1"),
        backend("c", "10.0.0.3", ready=False),
        going(backend("d", "10.0.0.4")),
    ]
    (made,) = endpoints.plan(service(), pods, None)
    assert isinstance(made, Create)
    (subset,) = made.obj["subsets"]
    assert [item["ip"] for item in subset["addresses"]] == ["10.0.0.1", "10.0.0.2"]
    assert [item["ip"] for item in subset["notReadyAddresses"]] == ["10.0.0.3"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    stored = copy.deepcopy(made.obj)
    stored["metadata"] |= metadata("web", labels=stored["metadata"]["labels"])
    assert endpoints.plan(service(), pods, stored) == []
    (changed,) = endpoints.plan(service(), pods[:1], stored)
    assert isinstance(changed, Update)
