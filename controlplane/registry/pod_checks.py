# SPDX-License-Identifier: Apache-2.0
"""Rules of a PodSpec beyond kube.pod_validation: volumes and mounts, tolerations, probes, host ports."""

from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.registry.data import Json, items, look, mapping
from controlplane.registry.meta_checks import (
    PORT_RANGE,
    PORTS,
    check_address,
    check_choice,
    check_count,
    check_selector,
    within,
)
from kube.names import LABEL_KEY, LABEL_VALUE, PORT_NAME, check_labels
from kube.problem import (
    FieldProblem,
    Path,
    duplicate,
    forbidden,
    invalid,
    not_found,
    refused,
    required,
    unsupported,
)

Problems = Iterable[FieldProblem]

TOLERATION_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PROBE_COUNTS: Final = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")
_KINDS: Final = ("initContainers", "containers", "ephemeralContainers")


def check_more(spec: Json, path: Path) -> Problems:
    """What is wrong with a PodSpec at path, besides what kube.pod_validation finds."""
    yield from _devices(spec, path)
    yield from _host_ports(spec, path)
    for kind, index, container in _containers(spec):
        yield from _probes(container, (*path, kind, index))
    for index, toleration in enumerate(items(spec, "tolerations")):
        yield from check_toleration(toleration, (*path, "tolerations", index))
    yield from check_labels((*path, "nodeSelector"), mapping(spec, "nodeSelector"))
    yield from _spread(spec, path)
    for index, alias in enumerate(items(spec, "hostAliases")):
        yield from check_address(alias.get("ip"), (*path, "hostAliases", index, "ip"))
    if look(spec, "activeDeadlineSeconds") is not None and spec["activeDeadlineSeconds"] < 1:
        yield refused(
            (*path, "activeDeadlineSeconds"),
            spec["activeDeadlineSeconds"],
            "must be between 1 and 2147483647, inclusive",
        )


def _containers(spec: Json) -> Iterator[tuple[str, int, Json]]:
    for kind in _KINDS:
        for index, container in enumerate(items(spec, kind)):
            yield kind, index, container


def _devices(spec: Json, path: Path) -> Problems:
    known = {volume.get("name") for volume in items(spec, "volumes")}
    for kind, index, container in _containers(spec):
        for number, device in enumerate(items(container, "volumeDevices")):
            if device.get("name") not in known:
                at = (*path, kind, index, "volumeDevices", number, "name")
                yield not_found(at, device.get("name"), "the name of one of the pod's volumes")


def _host_ports(spec: Json, path: Path) -> Problems:
    on_host = look(spec, "hostNetwork") is True
    seen: set[tuple[object, ...]] = set()
    for kind, index, container in _containers(spec):
        for number, port in enumerate(items(container, "ports")):
            host, at = port.get("hostPort"), (*path, kind, index, "ports", number)
            if on_host and host != port.get("containerPort"):
                yield refused(
                    (*at, "hostPort"), host, "must match `containerPort` when `hostNetwork` is true"
                )
            used = (host, port.get("protocol"), port.get("hostIP") or "")
            # An init container has ended before the others begin.
            if host and kind == "containers" and used in seen:
                yield duplicate((*at, "hostPort"), host, "a port of the node that no other container uses")
            seen |= {used} if kind == "containers" else set()


def _probes(container: Json, path: Path) -> Problems:
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = look(container, name)
        if probe is None:
            continue
        at: Path = (*path, name)
        yield from _handler(probe, at)
        for count in _PROBE_COUNTS:
            yield from within(at, check_count(probe, count))
        if name != "readinessProbe" and look(probe, "successThreshold", default=1) != 1:
            yield refused((*at, "successThreshold"), probe["successThreshold"], f"must be 1 for a {name}")
    for hook in ("postStart", "preStop"):
        if look(container, "lifecycle", hook) is not None:
            yield from _handler(container["lifecycle"][hook], (*path, "lifecycle", hook))


def _handler(handler: Json, path: Path) -> Problems:
    given = [name for name in _HANDLERS if look(handler, name) is not None]
    if not given:
        yield required(path, "a handler: one of exec, httpGet, tcpSocket, grpc")
    for extra in given[1:]:
        yield forbidden((*path, extra), "may not specify more than 1 handler type")
    for name in ("httpGet", "tcpSocket"):
        port = look(handler, name, "port")
        if isinstance(port, str):
            yield from PORT_NAME.check((*path, name, "port"), port)
        elif port is not None and port not in PORTS:
            yield invalid((*path, name, "port"), port, PORT_RANGE)


def check_toleration(toleration: Json, path: Path) -> Problems:
    """What is wrong with a Toleration at path."""
    key, operator = toleration.get("key") or "", toleration.get("operator") or "Equal"
    if key:
        yield from LABEL_KEY.check((*path, "key"), key)
    elif operator != "Exists":
        yield invalid(
            (*path, "operator"), operator, "Exists when key is empty, which means all keys and values"
        )
    if operator not in ("Equal", "Exists"):
        yield unsupported((*path, "operator"), operator, ("Equal", "Exists"))
    value, effect = toleration.get("value") or "", toleration.get("effect") or ""
    if operator == "Exists" and value:
        yield refused((*path, "value"), value, "value must be empty when `operator` is 'Exists'")
    if not LABEL_VALUE.fits(value):
        yield invalid((*path, "value"), value, LABEL_VALUE.accepted)
    if effect and effect not in TOLERATION_EFFECTS:
        yield unsupported((*path, "effect"), effect, TOLERATION_EFFECTS)
    if look(toleration, "tolerationSeconds") is not None and effect != "NoExecute":
        yield refused((*path, "effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")


def _spread(spec: Json, path: Path) -> Problems:
    for index, constraint in enumerate(items(spec, "topologySpreadConstraints")):
        at: Path = (*path, "topologySpreadConstraints", index)
        if constraint.get("maxSkew", 0) < 1:
            yield refused((*at, "maxSkew"), constraint.get("maxSkew"), "must be greater than zero")
        yield from LABEL_KEY.check((*at, "topologyKey"), constraint.get("topologyKey"))
        yield from within(at, check_choice(constraint, ("whenUnsatisfiable",), _UNSATISFIABLE))
        yield from check_selector(look(constraint, "labelSelector"), (*at, "labelSelector"))
