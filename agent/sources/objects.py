# SPDX-License-Identifier: Apache-2.0
"""One object of a manifest, as plain data, into a pod or its problems; lists are taken apart."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from lightkube.models import core_v1, meta_v1

from agent.sources.identity import uid_of
from agent.sources.model import PodKey
from agent.sources.support import check_support, without_ignored
from agent.sources.validate import check_pod_for_node
from kube.defaults import NAMESPACE, pod_with_defaults
from kube.problem import FieldProblem, Path, ProblemKind, required, show, unsupported
from kube.scalars import unknown_field, wrong_type
from kube.strict import decode

_LIST_KINDS: Final = ("List", "PodList")
_LIST_FIELDS: Final = ("apiVersion", "kind", "metadata", "items")


@dataclass(frozen=True, slots=True)
class ReadPod:
    """What one object came to; `pod` is None when there are problems. Paths begin at the document's root."""

    path: Path
    problems: tuple[FieldProblem, ...]
    pod: core_v1.Pod | None = None

    @property
    def key(self) -> PodKey:
        """The name of a pod that was read without problems."""
        metadata = self.pod.metadata if self.pod else None
        if metadata is None or not metadata.namespace or not metadata.name:
            raise ValueError("a pod with problems has no key")
        return PodKey(metadata.namespace, metadata.name)


def read_objects(data: Any, node_name: str, path: Path = ()) -> Iterator[ReadPod]:
    """The pods of a document; an empty document has none. The depth of data is bounded by who read it."""
    if data is None and not path:
        return
    if not isinstance(data, dict):
        yield ReadPod(path, (wrong_type(path, "an object with apiVersion, kind, metadata and spec", data),))
    elif data.get("kind") in _LIST_KINDS:
        yield from _read_list(data, node_name, path)
    else:
        yield _read_pod(data, node_name, path)


def _read_list(data: dict[str, Any], node_name: str, path: Path) -> Iterator[ReadPod]:
    problems = [unknown_field((*path, key), _LIST_FIELDS) for key in data if key not in _LIST_FIELDS]
    if data.get("apiVersion") != "v1":
        problems.append(_wrong_version(data.get("apiVersion"), path))
    items = data.get("items")
    if not isinstance(items, list):
        at = (*path, "items")
        problems.append(required(at, "a list of Pods") if items is None else wrong_type(at, "a list", items))
        items = []
    if problems:
        yield ReadPod(path, tuple(problems))
    for index, item in enumerate(items):
        if data["kind"] == "PodList" and isinstance(item, dict):
            item = {"apiVersion": "v1", "kind": "Pod", **item}
        yield from read_objects(item, node_name, (*path, "items", index))


def _read_pod(data: dict[str, Any], node_name: str, path: Path) -> ReadPod:
    if problem := _check_kind(data, path):
        return ReadPod(path, (problem,))
    decoded = decode(core_v1.Pod, {name: value for name, value in data.items() if name != "status"})
    written = without_ignored(decoded.best_effort)
    pod = pod_with_defaults(written)
    faults = [*check_support(written), *check_pod_for_node(pod, node_name)]
    problems = _without_echoes(decoded.problems, faults)
    if problems:
        return ReadPod(path, tuple(_below(path, problem) for problem in problems))
    return ReadPod(path, (), _identified(pod, written, node_name))


def _check_kind(data: dict[str, Any], path: Path) -> FieldProblem | None:
    kind, version = data.get("kind"), data.get("apiVersion")
    if kind == "Pod":
        return None if version == "v1" else _wrong_version(version, path)
    at = (*path, "kind")
    if kind is None or kind == "":
        return required(at, "Pod")
    if not isinstance(kind, str):
        return wrong_type(at, "a string", kind)
    if difflib.SequenceMatcher(None, kind.lower(), "pod").ratio() > 0.8:
        return unsupported(at, kind, ("Pod",))
    name = show(kind)[1:-1]
    instead = f"put a v1 Pod here, or give the {name} to the API server"
    message = f"kind {name} is not run by a node on its own; {instead}"
    return FieldProblem(at, message, kind=ProblemKind.UNSUPPORTED)


def _wrong_version(version: Any, path: Path) -> FieldProblem:
    at = (*path, "apiVersion")
    return required(at, "v1") if version in (None, "") else unsupported(at, version, ("v1",))


def _without_echoes(found: tuple[FieldProblem, ...], faults: list[FieldProblem]) -> list[FieldProblem]:
    """All problems, but of one field only the first: a value of the wrong type is also missing, and so on."""
    said = {problem.path for problem in found}
    problems = list(found)
    for fault in faults:
        if not any(fault.path[:length] in said for length in range(1, len(fault.path) + 1)):
            said.add(fault.path)
            problems.append(fault)
    return problems


def _identified(pod: core_v1.Pod, written: core_v1.Pod, node_name: str) -> core_v1.Pod:
    """The pod with its uid and its node."""
    metadata, spec = pod.metadata or meta_v1.ObjectMeta(), pod.spec
    key = PodKey(metadata.namespace or NAMESPACE, metadata.name or "")
    uid = uid_of(_with_namespace(written, key.namespace), key, node_name)
    return msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(metadata, uid=uid),
        spec=spec and msgspec.structs.replace(spec, nodeName=node_name),
    )


def _with_namespace(pod: core_v1.Pod, namespace: str) -> core_v1.Pod:
    """Writing the default namespace out does not make another pod."""
    metadata = msgspec.structs.replace(pod.metadata or meta_v1.ObjectMeta(), namespace=namespace)
    return msgspec.structs.replace(pod, metadata=metadata)


def _below(path: Path, problem: FieldProblem) -> FieldProblem:
    return (
        FieldProblem((*path, *problem.path), problem.message, problem.accepted, problem.kind)
        if path
        else problem
    )
