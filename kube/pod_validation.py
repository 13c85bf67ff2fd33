# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses in a Pod, as far as Orlop's nodes can run one; every fault at once.

The rules are those of kubernetes pkg/apis/core/validation that people rely on. They expect a pod with its defaults
filled in (kube.defaults). Whether an image reference is well-formed is not among them: the API server takes any text.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from lightkube.models import core_v1, meta_v1

from kube.checks import one_of
from kube.env_validation import check_environment
from kube.mount_validation import check_mounts
from kube.names import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    PORT_NAME,
    check_annotations,
    check_labels,
)
from kube.problem import FieldProblem, Path, duplicate, forbidden, invalid, required, too_many
from kube.resource_validation import check_resources
from kube.security_validation import check_container_security, check_pod_security
from kube.volume_validation import check_volumes

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
MAX_NAMESERVERS: Final = 3
MAX_SEARCHES: Final = 32
MAX_HOSTNAME: Final = 64
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
    return [
        *_spec(spec, path),
        *_names(spec, path),
        *check_volumes(spec.volumes or (), (*path, "volumes")),
        *_containers(spec, path),
        *check_pod_security(spec, path),
        *_dns(spec, path),
    ]


def _metadata(metadata: meta_v1.ObjectMeta, path: Path) -> Problems:
    yield from DNS_SUBDOMAIN.check((*path, "name"), metadata.name)
    yield from DNS_LABEL.check((*path, "namespace"), metadata.namespace)
    yield from check_labels((*path, "labels"), metadata.labels)
    yield from check_annotations((*path, "annotations"), metadata.annotations)


def _spec(spec: core_v1.PodSpec, path: Path) -> Problems:
    yield from one_of((*path, "restartPolicy"), spec.restartPolicy, RESTART_POLICIES)
    yield from one_of((*path, "dnsPolicy"), spec.dnsPolicy, DNS_POLICIES)
    grace = spec.terminationGracePeriodSeconds
    if grace is not None and not 0 <= grace <= MAX_GRACE_SECONDS:
        accepted = f"a number of seconds from 0 to {MAX_GRACE_SECONDS}"
        yield invalid((*path, "terminationGracePeriodSeconds"), grace, accepted)
    if spec.nodeName:
        yield from DNS_SUBDOMAIN.check((*path, "nodeName"), spec.nodeName)


def _names(spec: core_v1.PodSpec, path: Path) -> Problems:
    if spec.hostname:
        yield from DNS_LABEL.check((*path, "hostname"), spec.hostname)
    if spec.subdomain:
        yield from DNS_LABEL.check((*path, "subdomain"), spec.subdomain)
    if spec.hostnameOverride:
        at = (*path, "hostnameOverride")
        yield from DNS_SUBDOMAIN.check(at, spec.hostnameOverride)
        if len(spec.hostnameOverride) > MAX_HOSTNAME:
            yield invalid(
                at, spec.hostnameOverride, f"at most {MAX_HOSTNAME} characters, as Linux takes them"
            )
        if spec.setHostnameAsFQDN or spec.hostNetwork:
            yield forbidden(at, "may not be set together with setHostnameAsFQDN or hostNetwork")
    for index, alias in enumerate(spec.hostAliases or ()):
        at = (*path, "hostAliases", index)
        if not _is_address(alias.ip):
            yield invalid((*at, "ip"), alias.ip, "an IPv4 or IPv6 address")
        for number, name in enumerate(alias.hostnames or ()):
            yield from DNS_SUBDOMAIN.check((*at, "hostnames", number), name)


def _containers(spec: core_v1.PodSpec, path: Path) -> Problems:
    if not spec.containers:
        yield required((*path, "containers"), "a list of at least one container")
    names: set[str] = set()
    volumes = {volume.name for volume in spec.volumes or ()}
    for kind, containers in (("containers", spec.containers), ("initContainers", spec.initContainers or [])):
        for index, container in enumerate(containers):
            at = (*path, kind, index)
            yield from _unique_name((*at, "name"), container.name, names)
            yield from _container(container, at)
            yield from check_mounts(container, at, volumes)


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
    yield from one_of((*path, "imagePullPolicy"), container.imagePullPolicy, PULL_POLICIES)
    message_policy = container.terminationMessagePolicy
    yield from one_of((*path, "terminationMessagePolicy"), message_policy, MESSAGE_POLICIES)
    yield from _ports(container.ports or (), (*path, "ports"))
    yield from check_environment(container, path)
    if container.securityContext:
        yield from check_container_security(container.securityContext, (*path, "securityContext"))
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
        yield from one_of((*at, "protocol"), port.protocol, PROTOCOLS)
        if port.name:
            yield from PORT_NAME.check((*at, "name"), port.name)
            if port.name in names:
                yield duplicate((*at, "name"), port.name, "a name that no other port of the container has")
            names.add(port.name)


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
