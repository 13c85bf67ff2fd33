# SPDX-License-Identifier: Apache-2.0
"""Pod specs as plain data, alone and as the templates of workloads: their defaults and their faults."""

from collections.abc import Iterable
from typing import Final

import msgspec
from lightkube.models import core_v1

from controlplane.registry.data import EACH, Defaults, Json, Step, fill_all, items, look, mapping, objects
from controlplane.registry.pod_checks import check_more
from kube.defaults import pod_spec_with_defaults
from kube.names import check_annotations, check_labels
from kube.pod_validation import RESTART_POLICIES, check_pod_spec
from kube.problem import FieldProblem, Path, required, unsupported

__all__ = ["RESTART_POLICIES", "check_spec", "check_template", "set_spec_defaults", "set_template_defaults"]

Problems = Iterable[FieldProblem]

_MODE: Final = 0o644
_CLAIM: Final = {"volumeMode": "Filesystem"}
# Of volumes, constraints and security contexts; the rest comes from kube.defaults.
_SPEC: Final[Defaults] = {
    ("volumes", EACH, "configMap"): {"defaultMode": _MODE},
    ("volumes", EACH, "secret"): {"defaultMode": _MODE},
    ("volumes", EACH, "downwardAPI"): {"defaultMode": _MODE},
    ("volumes", EACH, "downwardAPI", "items", EACH, "fieldRef"): {"apiVersion": "v1"},
    ("volumes", EACH, "projected"): {"defaultMode": _MODE},
    ("volumes", EACH, "projected", "sources", EACH, "serviceAccountToken"): {"expirationSeconds": 3600},
    ("volumes", EACH, "projected", "sources", EACH, "downwardAPI", "items", EACH, "fieldRef"): {
        "apiVersion": "v1"
    },
    ("volumes", EACH, "hostPath"): {"type": ""},
    ("volumes", EACH, "ephemeral", "volumeClaimTemplate", "spec"): _CLAIM,
    ("volumes", EACH, "iscsi"): {"iscsiInterface": "default"},
    ("volumes", EACH, "rbd"): {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    ("volumes", EACH, "azureDisk"): {
        "cachingMode": "ReadWrite",
        "fsType": "ext4",
        "readOnly": False,
        "kind": "Shared",
    },
    ("volumes", EACH, "scaleIO"): {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
_KINDS: Final = ("containers", "initContainers", "ephemeralContainers")


def set_spec_defaults(owner: Json) -> None:
    """Complete owner["spec"], a PodSpec; a volume that says nothing is an emptyDir.

    A spec that lacks what is required stays as it is: it will be refused.
    """
    if not isinstance(owner.get("spec"), dict):
        return
    try:
        model = msgspec.convert(owner["spec"], core_v1.PodSpec)
    except msgspec.ValidationError:
        return
    spec: Json = msgspec.to_builtins(pod_spec_with_defaults(model))
    for volume in items(spec, "volumes"):
        if not any(value is not None for key, value in volume.items() if key != "name"):
            volume["emptyDir"] = {}
    fill_all(spec, _SPEC)
    for kind in _KINDS:
        for container in items(spec, kind):
            container.setdefault("resources", {})
    if spec.get("serviceAccountName") or spec.get("serviceAccount"):
        # Two names of one field; the old one is kept in step for old clients.
        name = spec.get("serviceAccountName") or spec.get("serviceAccount")
        spec["serviceAccountName"] = spec["serviceAccount"] = name
    owner["spec"] = spec


def set_template_defaults(obj: Json, *path: Step) -> None:
    """Complete the PodTemplateSpec at a path."""
    for template in objects(obj, path):
        set_spec_defaults(template)


def check_spec(spec: Json, path: Path) -> Problems:
    """Everything that is wrong with a PodSpec that stands at path; its defaults are filled in."""
    if "containers" not in spec:
        # A spec that only admission has put something into.
        yield required((*path, "containers"))
        return
    model = msgspec.convert(spec, core_v1.PodSpec)
    yield from check_pod_spec(model, path)
    yield from check_more(spec, path)


def check_template(obj: Json, *path: Step, restart_policies: tuple[str, ...] = ("Always",)) -> Problems:
    """Everything that is wrong with the PodTemplateSpec at a path."""
    template = mapping(obj, *path)
    if not mapping(template, "spec"):
        yield required((*path, "spec"))
        return
    yield from check_labels((*path, "metadata", "labels"), mapping(template, "metadata", "labels"))
    yield from check_annotations(
        (*path, "metadata", "annotations"), mapping(template, "metadata", "annotations")
    )
    yield from check_spec(template["spec"], (*path, "spec"))
    policy = look(template, "spec", "restartPolicy")
    if policy not in restart_policies:
        yield unsupported((*path, "spec", "restartPolicy"), policy, restart_policies)
