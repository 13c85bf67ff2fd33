# SPDX-License-Identifier: Apache-2.0
"""A container's environment: every source, in the kubelet's precedence and with its words."""

from typing import Any

import pytest
from lightkube.models import core_v1

from agent.errors import AgentError
from agent.pod.env import environment
from agent.pod.facts import PodFacts
from kube.quantity import parse
from tests.support.held_objects import HeldObjects, config_map, secret, service

FACTS = PodFacts(
    pod_ips=("10.244.1.7", "fd00::7"),
    host_ips=("192.0.2.1", "fd00:1::1"),
    node_name="node1",
    allocatable={"cpu": parse("1900m"), "memory": parse("4Gi"), "ephemeral-storage": parse("10Gi")},
)
POD: dict[str, Any] = {
    "metadata": {
        "name": "web",
        "namespace": "default",
        "uid": "u-1",
        "labels": {"app": "web", "a.b/c": 'say "hi"'},
        "annotations": {"note": "two\nlines", "it's": "odd"},
    },
    "spec": {
        "serviceAccountName": "builder",
        "containers": [
            {
                "name": "app",
                "resources": {
                    "limits": {"cpu": "1500m", "memory": "100Mi"},
                    "requests": {"cpu": "250m", "ephemeral-storage": "1Gi"},
                },
            },
            {"name": "free"},
        ],
        "initContainers": [{"name": "init", "resources": {"limits": {"memory": "1Gi"}}}],
    },
}
OBJECTS = HeldObjects(
    config_map("settings", {"color": "blue", "size": "$(HOME)", "a.b-c": "dotted"}, raw=b"\xff"),
    secret("login", user=b"admin", bytes=b"\xff\xfe"),
    service("kubernetes", "10.96.0.1", ("https", 443, "TCP")),
)


def made(
    env: list[dict[str, Any]] | None = None, objects: HeldObjects = OBJECTS, **container: Any
) -> dict[str, str]:
    """The environment of the first container with these fields, without the variables of Services."""
    pod = core_v1.Pod.from_dict(POD)
    assert pod.spec is not None
    full = {**POD["spec"]["containers"][0], "env": env, **container}
    found = environment(pod, core_v1.Container.from_dict(full), FACTS, objects, container_files)
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    return {name: value for name, value in found if not name.startswith("KUBERNETES_")}


def container_files(volume: str, path: str) -> bytes:
    files = {("cfg", "env"): b"# made by init\nA='1'\nB='two\nlines' # and\n", ("cfg", "huge"): b"#" * 70_000}
    if (volume, path) not in files:
        raise FileNotFoundError(2, "No such file or directory", path)
    return files[volume, path]


def source(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "X", "valueFrom": fields}]


def field(path: str) -> list[dict[str, Any]]:
    return source(fieldRef={"fieldPath": path})


def resource(name: str, **more: str) -> list[dict[str, Any]]:
    return source(resourceFieldRef={"resource": name, **more})


VALUES = {
    "literal": ([{"name": "X", "value": "v"}], "v"),
    "nothing said": ([{"name": "X"}], ""),
    "earlier": ([{"name": "A", "value": "1"}, {"name": "X", "value": "$(A)-$(A)"}], "1-1"),
    "later is not known yet": ([{"name": "X", "value": "$(B)"}, {"name": "B", "value": "1"}], "$(B)"),
    "itself, before": ([{"name": "X", "value": "1"}, {"name": "X", "value": "$(X)2"}], "12"),
    "escaped": ([{"name": "A", "value": "1"}, {"name": "X", "value": "$$(A) $$$(A) $"}], "$(A) $1 $"),
    "of a Service": ([{"name": "X", "value": "$(KUBERNETES_SERVICE_HOST)"}], "10.96.0.1"),
    "name": (field("metadata.name"), "web"),
    "namespace": (field("metadata.namespace"), "default"),
    "uid": (field("metadata.uid"), "u-1"),
    "one label": (field("metadata.labels['app']"), "web"),
    "a label with a prefix": (field("metadata.labels['a.b/c']"), 'say "hi"'),
    "no such label": (field("metadata.labels['none']"), ""),
    "one annotation": (field("metadata.annotations['note']"), "two\nlines"),
    "an annotation with a quote": (field("metadata.annotations['it's']"), "odd"),
    "all labels": (field("metadata.labels"), 'a.b/c="say \\"hi\\""\napp="web"'),
    "all annotations": (field("metadata.annotations"), 'it\'s="odd"\nnote="two\\nlines"'),
    "node": (field("spec.nodeName"), "node1"),
    "service account": (field("spec.serviceAccountName"), "builder"),
    "address": (field("status.podIP"), "10.244.1.7"),
    "addresses": (field("status.podIPs"), "10.244.1.7,fd00::7"),
    "node's address": (field("status.hostIP"), "192.0.2.1"),
    "node's addresses": (field("status.hostIPs"), "192.0.2.1,fd00:1::1"),
    "cpu, rounded up": (resource("limits.cpu"), "2"),
    "cpu in milli": (resource("limits.cpu", divisor="1m"), "1500"),
    "cpu requested": (resource("requests.cpu", divisor="1m"), "250"),
    "memory": (resource("limits.memory"), str(100 << 20)),
    "memory in Mi": (resource("limits.memory", divisor="1Mi"), "100"),
    "memory in Gi, rounded up": (resource("limits.memory", divisor="1Gi"), "1"),
    "memory request is its limit": (resource("requests.memory", divisor="1Mi"), "100"),
    "storage": (resource("requests.ephemeral-storage", divisor="1Gi"), "1"),
    "storage limit of the node": (resource("limits.ephemeral-storage", divisor="1Gi"), "10"),
    "huge pages": (resource("limits.hugepages-2Mi"), "0"),
    "another container, node's cpu": (resource("limits.cpu", containerName="free", divisor="1m"), "1900"),
    "another container, node's memory": (resource("limits.memory", containerName="free"), str(4 << 30)),
    "no request is none": (resource("requests.memory", containerName="free"), "0"),
    "an init container": (resource("limits.memory", containerName="init", divisor="1Mi"), "1024"),
    "divisor 0 is 1": (resource("limits.cpu", divisor="0"), "2"),
    "key": (source(configMapKeyRef={"name": "settings", "key": "color"}), "blue"),
    "a key's value is not expanded": (source(configMapKeyRef={"name": "settings", "key": "size"}), "$(HOME)"),
    "secret": (source(secretKeyRef={"name": "login", "key": "user"}), "admin"),
    "secret bytes": (source(secretKeyRef={"name": "login", "key": "bytes"}), "\udcff\udcfe"),
    "file": (source(fileKeyRef={"volumeName": "cfg", "path": "env", "key": "A"}), "1"),
    "file, lines": (source(fileKeyRef={"volumeName": "cfg", "path": "env", "key": "B"}), "two\nlines"),
}


@pytest.mark.parametrize("row", VALUES)
def test_value(row: str) -> None:
    env, value = VALUES[row]
    assert made(env)["X"] == value


OPTIONAL = {
    "no map": source(configMapKeyRef={"name": "none", "key": "k", "optional": True}),
    "no key": source(configMapKeyRef={"name": "settings", "key": "k", "optional": True}),
    "binary data is no key": source(configMapKeyRef={"name": "settings", "key": "raw", "optional": True}),
    "no secret": source(secretKeyRef={"name": "none", "key": "k", "optional": True}),
    "no secret's key": source(secretKeyRef={"name": "login", "key": "k", "optional": True}),
    "no file": source(fileKeyRef={"volumeName": "cfg", "path": "none", "key": "A", "optional": True}),
    "no key in the file": source(
        fileKeyRef={"volumeName": "cfg", "path": "env", "key": "Z", "optional": True}
    ),
}


@pytest.mark.parametrize("row", OPTIONAL)
def test_what_is_optional_and_not_there_is_left_out(row: str) -> None:
    assert made(OPTIONAL[row]) == {}


REFUSED = {
    "no map": (source(configMapKeyRef={"name": "none", "key": "k"}), 'configmap "none" not found'),
    "no key": (
        source(configMapKeyRef={"name": "settings", "key": "k"}),
        "couldn't find key k in ConfigMap default/settings",
    ),
    "no secret": (source(secretKeyRef={"name": "none", "key": "k"}), 'secret "none" not found'),
    "no secret's key": (
        source(secretKeyRef={"name": "login", "key": "k"}),
        "couldn't find key k in Secret default/login",
    ),
    "path": (field("status.phase"), "unsupported fieldPath: status.phase"),
    "half a subscript": (field("metadata.labels[app]"), "unsupported fieldPath"),
    "resource": (resource("limits.gpu"), "unsupported container resource : limits.gpu"),
    "container": (resource("limits.cpu", containerName="none"), "container none not found"),
    "no file": (
        source(fileKeyRef={"volumeName": "cfg", "path": "none", "key": "A"}),
        "cannot read file none of volume cfg: No such file",
    ),
    "huge file": (source(fileKeyRef={"volumeName": "cfg", "path": "huge", "key": "A"}), "larger than"),
    "empty": (source(), "without a source"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_missing_is_told_in_the_kubelets_words(row: str) -> None:
    env, words = REFUSED[row]
    with pytest.raises(AgentError) as caught:
        made(env)
    assert words in str(caught.value)


def test_all_keys_of_maps_and_secrets_with_prefix() -> None:
    sources = [
        {"configMapRef": {"name": "settings"}, "prefix": "CFG_"},
        {"secretRef": {"name": "login"}},
        {"configMapRef": {"name": "none", "optional": True}},
    ]
    assert made(envFrom=sources) == {
        "CFG_color": "blue",
        "CFG_size": "$(HOME)",
        "CFG_a.b-c": "dotted",
        "user": "admin",
        "bytes": "\udcff\udcfe",
    }


def test_env_wins_over_env_from_and_the_later_source_over_the_earlier() -> None:
    objects = HeldObjects(
        config_map("one", {"A": "1", "B": "1", "C": "1"}), config_map("two", {"B": "2", "C": "2"})
    )
    sources = [{"configMapRef": {"name": "one"}}, {"configMapRef": {"name": "two"}}]
    env = [{"name": "C", "value": "$(C)3"}]
    assert made(env, objects, envFrom=sources) == {"A": "1", "B": "2", "C": "23"}


def test_keys_that_make_no_name_are_passed_over() -> None:
    objects = HeldObjects(config_map("odd", {"fine": "1", "a=b": "2", "é": "3", "1st": "4"}))
    assert made(objects=objects, envFrom=[{"configMapRef": {"name": "odd"}}]) == {"fine": "1", "1st": "4"}


def test_a_whole_map_that_is_missing_is_told() -> None:
    with pytest.raises(AgentError, match='secret "none" not found'):
        made(envFrom=[{"secretRef": {"name": "none"}}])


def test_an_optional_reference_is_not_passed_over_while_nobody_knows() -> None:
    objects = HeldObjects()
    objects.why = "this node has no API server"
    with pytest.raises(AgentError, match='cannot read configmap "x": this node has no API server'):
        made(objects=objects, envFrom=[{"configMapRef": {"name": "x", "optional": True}}])


SERVICES = HeldObjects(
    service("kubernetes", "10.96.0.1", ("https", 443, "TCP")),
    service("my-db", "10.96.0.7", ("sql", 5432, ""), ("admin-ui", 80, "TCP"), ("", 53, "UDP")),
    service("six", "fd00::5", ("", 80, "TCP")),
    service("headless", "None", ("", 80, "TCP")),
    service("external", None, ("", 80, "TCP")),
    service("elsewhere", "10.96.0.9", ("", 80, "TCP"), namespace="other"),
)
MASTER = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_SERVICE_PORT_HTTPS": "443",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
    "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
    "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
    "KUBERNETES_PORT_443_TCP_PORT": "443",
    "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
}
LINKS = {
    "MY_DB_SERVICE_HOST": "10.96.0.7",
    "MY_DB_SERVICE_PORT": "5432",
    "MY_DB_SERVICE_PORT_SQL": "5432",
    "MY_DB_SERVICE_PORT_ADMIN_UI": "80",
    "MY_DB_PORT": "tcp://10.96.0.7:5432",
    "MY_DB_PORT_5432_TCP": "tcp://10.96.0.7:5432",
    "MY_DB_PORT_5432_TCP_PROTO": "tcp",
    "MY_DB_PORT_5432_TCP_PORT": "5432",
    "MY_DB_PORT_5432_TCP_ADDR": "10.96.0.7",
    "MY_DB_PORT_80_TCP": "tcp://10.96.0.7:80",
    "MY_DB_PORT_80_TCP_PROTO": "tcp",
    "MY_DB_PORT_80_TCP_PORT": "80",
    "MY_DB_PORT_80_TCP_ADDR": "10.96.0.7",
    "MY_DB_PORT_53_UDP": "udp://10.96.0.7:53",
    "MY_DB_PORT_53_UDP_PROTO": "udp",
    "MY_DB_PORT_53_UDP_PORT": "53",
    "MY_DB_PORT_53_UDP_ADDR": "10.96.0.7",
    "SIX_SERVICE_HOST": "fd00::5",
    "SIX_SERVICE_PORT": "80",
    "SIX_PORT": "tcp://[fd00::5]:80",
    "SIX_PORT_80_TCP": "tcp://[fd00::5]:80",
    "SIX_PORT_80_TCP_PROTO": "tcp",
    "SIX_PORT_80_TCP_PORT": "80",
    "SIX_PORT_80_TCP_ADDR": "fd00::5",
}


@pytest.mark.parametrize(
    ("namespace", "links", "expected"),
    [
        ("default", None, MASTER | LINKS),
        ("default", True, MASTER | LINKS),
        ("default", False, MASTER),
        ("empty", True, MASTER),
    ],
)
def test_services_are_told(namespace: str, links: bool | None, expected: dict[str, str]) -> None:
    container = core_v1.Container(name="app")
    pod = core_v1.Pod.from_dict(
        {
            "metadata": {"name": "a", "namespace": namespace},
            "spec": {"containers": [{"name": "app"}], "enableServiceLinks": links},
        }
    )
    assert dict(environment(pod, container, FACTS, SERVICES)) == expected


def test_a_variable_of_its_own_wins_over_a_service() -> None:
    container = core_v1.Container(
        name="app", env=[core_v1.EnvVar(name="MY_DB_PORT", value="$(MY_DB_SERVICE_PORT)")]
    )
    pod = core_v1.Pod.from_dict({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app"}]}})
    assert dict(environment(pod, container, FACTS, SERVICES))["MY_DB_PORT"] == "5432"
