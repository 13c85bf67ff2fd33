# SPDX-License-Identifier: Apache-2.0
"""Defaults: what the API server fills in, and what it leaves alone."""

import msgspec
from lightkube.models import core_v1, meta_v1

from kube.defaults import pod_with_defaults


def spec_of(pod: core_v1.Pod) -> core_v1.PodSpec:
    assert pod.spec is not None
    return pod.spec


def filled(container: core_v1.Container, **spec: object) -> core_v1.PodSpec:
    pod = core_v1.Pod(spec=core_v1.PodSpec(containers=[container], **spec))  # type: ignore[arg-type]
    return spec_of(pod_with_defaults(pod))


def test_a_bare_pod() -> None:
    bare = core_v1.Pod(spec=core_v1.PodSpec(containers=[core_v1.Container(name="a", image="b:1")]))
    before = msgspec.to_builtins(bare)
    assert msgspec.to_builtins(pod_with_defaults(bare)) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "default"},
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "image": "b:1",
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }
            ],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": True,
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    }
    assert msgspec.to_builtins(bare) == before


def test_what_is_given_stays() -> None:
    pod = core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name="a", namespace="b"),
        spec=core_v1.PodSpec(
            containers=[core_v1.Container(name="a", image="b", imagePullPolicy="Never")],
            terminationGracePeriodSeconds=0,
            enableServiceLinks=False,
            restartPolicy="Never",
        ),
    )
    done = pod_with_defaults(pod)
    assert done.metadata == pod.metadata
    spec = spec_of(done)
    assert (spec.terminationGracePeriodSeconds, spec.enableServiceLinks, spec.restartPolicy) == (
        0,
        False,
        "Never",
    )
    assert spec.containers[0].imagePullPolicy == "Never"


def test_defaults_are_the_same_the_second_time() -> None:
    container = core_v1.Container(
        name="a", image="b", livenessProbe=core_v1.Probe(httpGet=core_v1.HTTPGetAction(port=80))
    )
    once = pod_with_defaults(core_v1.Pod(spec=core_v1.PodSpec(containers=[container])))
    assert pod_with_defaults(once) == once


def test_an_empty_text_is_not_set() -> None:
    assert filled(core_v1.Container(name="a", image="b"), restartPolicy="").restartPolicy == "Always"


def test_requests_follow_limits() -> None:
    resources = core_v1.ResourceRequirements(limits={"cpu": "1", "memory": "1Gi"}, requests={"cpu": "100m"})
    spec = filled(core_v1.Container(name="a", image="b", resources=resources))
    assert spec.containers[0].resources == core_v1.ResourceRequirements(
        limits={"cpu": "1", "memory": "1Gi"}, requests={"cpu": "100m", "memory": "1Gi"}
    )
    asked = core_v1.ResourceRequirements(requests={"cpu": "100m"})
    assert filled(core_v1.Container(name="a", image="b", resources=asked)).containers[0].resources == asked


def test_ports() -> None:
    ports = [core_v1.ContainerPort(containerPort=80), core_v1.ContainerPort(containerPort=53, protocol="UDP")]
    container = core_v1.Container(name="a", image="b", ports=ports)
    found = filled(container).containers[0].ports or []
    assert [(p.protocol, p.hostPort) for p in found] == [("TCP", None), ("UDP", None)]
    found = filled(container, hostNetwork=True).containers[0].ports or []
    assert [p.hostPort for p in found] == [80, 53]


def test_probes_hooks_and_variables() -> None:
    container = core_v1.Container(
        name="a",
        image="b",
        livenessProbe=core_v1.Probe(httpGet=core_v1.HTTPGetAction(port="http"), timeoutSeconds=0),
        readinessProbe=core_v1.Probe(grpc=core_v1.GRPCAction(port=1), periodSeconds=2),
        lifecycle=core_v1.Lifecycle(
            preStop=core_v1.LifecycleHandler(httpGet=core_v1.HTTPGetAction(port=1, path="/bye"))
        ),
        env=[
            core_v1.EnvVar(name="A", value="1"),
            core_v1.EnvVar(
                name="B",
                valueFrom=core_v1.EnvVarSource(
                    fieldRef=core_v1.ObjectFieldSelector(fieldPath="metadata.name")
                ),
            ),
        ],
    )
    done = msgspec.to_builtins(filled(container, initContainers=[container]).containers[0])
    numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    assert done["livenessProbe"] == {**numbers, "httpGet": {"port": "http", "path": "/", "scheme": "HTTP"}}
    assert done["readinessProbe"] == {**numbers, "periodSeconds": 2, "grpc": {"port": 1, "service": ""}}
    assert done["lifecycle"] == {"preStop": {"httpGet": {"port": 1, "path": "/bye", "scheme": "HTTP"}}}
    assert done["env"][1]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}}


def test_init_containers_have_defaults_too() -> None:
    spec = filled(
        core_v1.Container(name="a", image="b"), initContainers=[core_v1.Container(name="i", image="c:1")]
    )
    assert [container.imagePullPolicy for container in spec.initContainers or []] == ["IfNotPresent"]
