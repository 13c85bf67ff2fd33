# SPDX-License-Identifier: Apache-2.0
"""What this node asks of a Pod beyond what the API server asks of every Pod (kube.pod_validation)."""

from collections.abc import Iterator
from typing import Final

from lightkube.models import core_v1, meta_v1

from kube.errors import ImageReferenceError
from kube.images import ACCEPTED, parse_image
from kube.names import UID
from kube.pod_validation import check_pod
from kube.problem import FieldProblem, Path, invalid

# A pod's folder of logs is named namespace_name_uid, and a file's name has at most 255 bytes.
_LONGEST_FOLDER_NAME: Final = 255
_UID_LENGTH: Final = 36


def check_pod_for_node(pod: core_v1.Pod, node_name: str) -> list[FieldProblem]:
    """Everything that is wrong with a pod, whose defaults are filled in, for running on the node of this name."""
    metadata, spec = pod.metadata or meta_v1.ObjectMeta(), pod.spec
    problems = [*check_pod(pod), *_check_identity(metadata)]
    if spec is not None:
        problems += [*_check_place(spec, node_name), *_check_images(spec)]
    return problems


def _check_identity(metadata: meta_v1.ObjectMeta) -> Iterator[FieldProblem]:
    if metadata.uid:
        yield from UID.check(("metadata", "uid"), metadata.uid)
    name, namespace = metadata.name or "", metadata.namespace or ""
    room = _LONGEST_FOLDER_NAME - _UID_LENGTH - 2
    if len(name) + len(namespace) > room:
        accepted = f"namespace and name of together at most {room} characters, because the pod's log folder bears both"
        yield invalid(("metadata", "name"), name, accepted)


def _check_place(spec: core_v1.PodSpec, node_name: str) -> Iterator[FieldProblem]:
    if spec.nodeName and spec.nodeName != node_name:
        yield invalid(("spec", "nodeName"), spec.nodeName, f"the name of this node, {node_name}, or nothing")


def _check_images(spec: core_v1.PodSpec) -> Iterator[FieldProblem]:
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(getattr(spec, name) or ()):
            yield from _check_image(container.image or "", ("spec", name, index, "image"))


def _check_image(image: str, path: Path) -> Iterator[FieldProblem]:
    if not image or image != image.strip():
        return
    try:
        parse_image(image)
    except ImageReferenceError as error:
        yield FieldProblem(path, str(error).removesuffix(f"; accepted: {ACCEPTED}"), ACCEPTED)
