# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses in a container's environment and in references to the downward API."""

import re
from collections.abc import Sequence
from typing import Final

from lightkube.models import core_v1

from kube.checks import Problems, exactly_one, present, relative_path
from kube.errors import QuantityError
from kube.names import ENV_NAME, LABEL_KEY
from kube.problem import FieldProblem, Path, invalid, required, unsupported
from kube.quantity import parse

ENV_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.labels",
    "metadata.annotations",
)
"""Addresses are not among them: volumes are made before a pod has any."""
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_SUBSCRIPT: Final = re.compile(r"metadata\.(?:labels|annotations)\['(.*)'\]", re.DOTALL)
_RESOURCE: Final = re.compile(r"(?:limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)")
_RESOURCES: Final = (
    "limits or requests of cpu, memory, ephemeral-storage or hugepages-SIZE, such as limits.cpu"
)
_CPU_DIVISORS: Final = ("1m", "1")
_DIVISORS: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")


def check_environment(container: core_v1.Container | core_v1.EphemeralContainer, path: Path) -> Problems:
    """env and envFrom of the container that stands at path."""
    for index, variable in enumerate(container.env or ()):
        at = (*path, "env", index)
        yield from ENV_NAME.check((*at, "name"), variable.name)
        if variable.valueFrom:
            yield from _source(variable, (*at, "valueFrom"))
    for index, source in enumerate(container.envFrom or ()):
        at = (*path, "envFrom", index)
        if source.prefix and not ENV_NAME.fits(source.prefix):
            yield invalid((*at, "prefix"), source.prefix, ENV_NAME.accepted)
        yield from exactly_one(at, source, ("configMapRef", "secretRef"))
        for name in ("configMapRef", "secretRef"):
            if reference := getattr(source, name):
                yield from present((*at, name, "name"), reference.name)


def _source(variable: core_v1.EnvVar, path: Path) -> Problems:
    if variable.value:
        yield FieldProblem(path, "may not be set together with value", "one of the two")
        return
    source = variable.valueFrom or core_v1.EnvVarSource()
    yield from exactly_one(path, source, _SOURCES)
    if source.fieldRef:
        yield from check_field(source.fieldRef, (*path, "fieldRef"), ENV_FIELDS)
    if source.resourceFieldRef:
        yield from check_resource(source.resourceFieldRef, (*path, "resourceFieldRef"))
    for name in ("configMapKeyRef", "secretKeyRef"):
        if selector := getattr(source, name):
            yield from present((*path, name, "name"), selector.name)
            yield from present((*path, name, "key"), selector.key)
    if file := source.fileKeyRef:
        at = (*path, "fileKeyRef")
        yield from present((*at, "volumeName"), file.volumeName)
        yield from ENV_NAME.check((*at, "key"), file.key)
        yield from present((*at, "path"), file.path)
        yield from relative_path((*at, "path"), file.path, reserved=True)


def check_field(selector: core_v1.ObjectFieldSelector, path: Path, fields: Sequence[str]) -> Problems:
    """A fieldRef names one of these fields, or one label or annotation."""
    at = (*path, "fieldPath")
    found = _SUBSCRIPT.fullmatch(selector.fieldPath)
    if not selector.fieldPath:
        yield required(at)
    elif found:
        yield from LABEL_KEY.check(at, found[1].lower())
    elif selector.fieldPath not in fields:
        accepted = (*fields, "metadata.labels['KEY']", "metadata.annotations['KEY']")
        yield unsupported(at, selector.fieldPath, accepted)


def check_resource(
    selector: core_v1.ResourceFieldSelector, path: Path, *, needs_container: bool = False
) -> Problems:
    """A resourceFieldRef names an amount and a unit of it; in a volume also whose amount it is."""
    if needs_container:
        yield from present((*path, "containerName"), selector.containerName)
    if not selector.resource:
        yield required((*path, "resource"), _RESOURCES)
        return
    found = _RESOURCE.fullmatch(selector.resource)
    if not found:
        yield unsupported((*path, "resource"), selector.resource, (_RESOURCES,))
        return
    yield from _divisor(selector, path, _CPU_DIVISORS if found[1] == "cpu" else _DIVISORS)


def _divisor(selector: core_v1.ResourceFieldSelector, path: Path, accepted: Sequence[str]) -> Problems:
    if not selector.divisor:
        return
    try:
        divisor = parse(selector.divisor)
    except QuantityError:
        divisor = None
    if divisor is None or (divisor and divisor not in [parse(each) for each in accepted]):
        yield unsupported((*path, "divisor"), selector.divisor, accepted)
