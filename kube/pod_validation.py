# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses in a Pod, as far as Orlop's nodes can run one; every fault at once.

The rules are those of kubernetes pkg/apis/core/validation that people rely on. They expect a pod with its defaults
filled in (kube.defaults). Whether an image reference is well-formed is not among them: the API server takes any text.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from lightkube.models import core_v1, meta_v1

from kube.names import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    ENV_NAME,
    PORT_NAME,
    check_annotations,
    check_labels,
)
from kube.problem import FieldProblem, Path, duplicate, invalid, refused, required, too_many, unsupported
from kube.resource_validation import check_resources

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
MAX_NAMESERVERS: Final = 3
MAX_SEARCHES: Final = 32
MAX_GRACE_SECONDS: Final = 2**31 - 1
_PORT_RANGE: Final = "between 1 and 65535, inclusive"

Problems = Iterator[FieldProblem]


def check_pod(pod: core_v1.Pod) -> list[FieldProblem]:
    """Everything that is wrong with a Pod; empty when it can be created."""
    problems = list(_metadata(pod.metadata or meta_v1.ObjectMeta(), ("metadata",)))
    if pod.spec is None:
        return [*problems, required(("spec",))]
    return [*problems, *check_pod_spec(pod.spec, ("spec",))]


def check_pod_spec(spec: core_v1.PodSpec, path: Path) -> list[FieldProblem]:
    """Everything that is wrong with a spec, which stands at path."""
    return [*_spec(spec, path), *_containers(spec, path), *_dns(spec, path)]


def _metadata(metadata: meta_v1.ObjectMeta, path: Path) -> Problems:
    yield from DNS_SUBDOMAIN.check((*path, "name"), metadata.name)
    yield from DNS_LABEL.check((*path, "namespace"), metadata.namespace)
    yield from check_labels((*path, "labels"), metadata.labels)
    yield from check_annotations((*path, "annotations"), metadata.annotations)


def _spec(spec: core_v1.PodSpec, path: Path) -> Problems:
    yield from _one_of((*path, "restartPolicy"), spec.restartPolicy, RESTART_POLICIES)
    yield from _one_of((*path, "dnsPolicy"), spec.dnsPolicy, DNS_POLICIES)
    grace = spec.terminationGracePeriodSeconds
    if grace is not None and not 0 <= grace <= MAX_GRACE_SECONDS:
        accepted = f"a number of seconds from 0 to {MAX_GRACE_SECONDS}"
        yield invalid((*path, "terminationGracePeriodSeconds"), grace, accepted)
    if spec.hostname:
        yield from DNS_LABEL.check((*path, "hostname"), spec.hostname)
    if spec.subdomain:
        yield from DNS_LABEL.check((*path, "subdomain"), spec.subdomain)
    if spec.nodeName:
        yield from DNS_SUBDOMAIN.check((*path, "nodeName"), spec.nodeName)


def _containers(spec: core_v1.PodSpec, path: Path) -> Problems:
    if not spec.containers:
        yield required((*path, "containers"), "a list of at least one container")
    names: set[str] = set()
    for kind, containers in (("containers", spec.containers), ("initContainers", spec.initContainers or [])):
        for index, container in enumerate(containers):
            at = (*path, kind, index)
            yield from _unique_name((*at, "name"), container.name, names)
            yield from _container(container, at)


def _unique_name(path: Path, name: str, used: set[str]) -> Problems:
    yield from DNS_LABEL.check(path, name)
    if name and name in used:
        yield duplicate(path, name, "a name that no other container of the pod has")
    used.add(name)


def _container(container: core_v1.Container, path: Path) -> Problems:
    image = container.image or ""
    if not image:
        yield required((*path, "image"))
    elif image != image.strip():
        yield invalid((*path, "image"), image, "a reference without white space around it")
    yield from _one_of((*path, "imagePullPolicy"), container.imagePullPolicy, PULL_POLICIES)
    message_policy = container.terminationMessagePolicy
    yield from _one_of((*path, "terminationMessagePolicy"), message_policy, MESSAGE_POLICIES)
    yield from _ports(container.ports or (), (*path, "ports"))
    for index, variable in enumerate(container.env or ()):
        yield from _variable(variable, (*path, "env", index))
    if container.resources:
        yield from check_resources(container.resources, (*path, "resources"))


def _ports(ports: Iterable[core_v1.ContainerPort], path: Path) -> Problems:
    names: set[str] = set()
    for index, port in enumerate(ports):
        at = (*path, index)
        if not 1 <= port.containerPort <= 65535:
            yield invalid((*at, "containerPort"), port.containerPort, _PORT_RANGE)
        if port.hostPort and not 1 <= port.hostPort <= 65535:
            yield invalid((*at, "hostPort"), port.hostPort, _PORT_RANGE)
        yield from _one_of((*at, "protocol"), port.protocol, PROTOCOLS)
        if port.name:
            yield from PORT_NAME.check((*at, "name"), port.name)
            if port.name in names:
                yield duplicate((*at, "name"), port.name, "a name that no other port of the container has")
            names.add(port.name)


def _variable(variable: core_v1.EnvVar, path: Path) -> Problems:
    yield from ENV_NAME.check((*path, "name"), variable.name)
    if variable.value and variable.valueFrom:
        yield refused((*path, "valueFrom"), "", "may not be specified when `value` is not empty")


def _dns(spec: core_v1.PodSpec, path: Path) -> Problems:
    config = spec.dnsConfig or core_v1.PodDNSConfig()
    nameservers, searches = config.nameservers or [], config.searches or []
    at: Path = (*path, "dnsConfig")
    if spec.dnsPolicy == "None" and not nameservers:
        yield required((*at, "nameservers"), "at least one address, because dnsPolicy is None")
    if len(nameservers) > MAX_NAMESERVERS:
        yield too_many((*at, "nameservers"), len(nameservers), MAX_NAMESERVERS)
    for index, address in enumerate(nameservers):
        if not _is_address(address):
            yield invalid((*at, "nameservers", index), address, "an IPv4 or IPv6 address")
    if len(searches) > MAX_SEARCHES:
        yield too_many((*at, "searches"), len(searches), MAX_SEARCHES)
    for index, domain in enumerate(searches):
        if domain != ".":
            yield from DNS_SUBDOMAIN.check((*at, "searches", index), domain.removesuffix("."))
    for index, option in enumerate(config.options or ()):
        if not option.name:
            yield required((*at, "options", index, "name"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _one_of(path: Path, value: str | None, values: tuple[str, ...]) -> Problems:
    if value is not None and value not in values:
        yield unsupported(path, value, values)
