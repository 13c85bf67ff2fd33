# SPDX-License-Identifier: Apache-2.0
"""Which fields of a Pod this node honours: one table, and the check of a pod against it.

A field is supported (perhaps only with some values), refused, or ignored for a reason. A field that the table does
not have is refused as well, but a test walks the models and fails, so that the table always says everything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from lightkube.models import core_v1, meta_v1

from kube.problem import FieldProblem, Path, forbidden, show


@dataclass(frozen=True, slots=True)
class Supported:
    """The field is honoured. `values` lists the only ones that are, `keys` the only keys of a map."""

    values: tuple[object, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The field has no effect here, so setting it is an error; `instead` says what can be done."""

    instead: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """The field may be there and does nothing, as in the API itself."""

    reason: str


Support = Supported | Refused | Ignored

YES: Final = Supported()
NO: Final = Refused()
# What a Pod that was printed by an API server carries, and what that server ignores in a create too.
SET_BY_SERVER: Final = Ignored("the API server writes it; in a create it means nothing")
_SCHEDULED: Final = "it is for choosing a node, and the pod is on its node already"

FIELDS: Final[Mapping[type[msgspec.Struct], Mapping[str, Support]]] = {
    core_v1.Pod: {
        "apiVersion": YES,
        "kind": YES,
        "metadata": YES,
        "spec": YES,
        "status": Ignored("the node writes the status; in a create it means nothing"),
    },
    meta_v1.ObjectMeta: {
        "name": YES,
        "namespace": YES,
        "labels": YES,
        "annotations": YES,
        "uid": Ignored("the uid follows from the content, so that a changed manifest is a new pod"),
        "creationTimestamp": SET_BY_SERVER,
        "deletionGracePeriodSeconds": SET_BY_SERVER,
        "deletionTimestamp": SET_BY_SERVER,
        "generation": SET_BY_SERVER,
        "managedFields": SET_BY_SERVER,
        "resourceVersion": SET_BY_SERVER,
        "selfLink": SET_BY_SERVER,
        "finalizers": NO,
        "generateName": Refused("metadata.name: a file needs a name that stays"),
        "ownerReferences": NO,
    },
    core_v1.PodSpec: {
        "containers": YES,
        "restartPolicy": YES,
        "terminationGracePeriodSeconds": YES,
        "hostname": YES,
        "nodeName": YES,
        # A node that stands alone has no cluster DNS: ClusterFirst gives the node's own, as the kubelet does then.
        "dnsPolicy": Supported(values=("ClusterFirst", "Default", "None")),
        "dnsConfig": YES,
        "os": YES,
        # Only the value that says what happens anyway; where the API's default is another one, absent is fine too.
        "automountServiceAccountToken": Ignored("the API server acts on it: it adds the volume or does not"),
        "enableServiceLinks": Supported(values=(False,)),
        "hostIPC": Supported(values=(False,)),
        "hostNetwork": Supported(values=(False,)),
        "hostPID": Supported(values=(False,)),
        "hostUsers": Supported(values=(True,)),
        "nodeSelector": YES,
        "affinity": YES,
        "tolerations": YES,
        "priority": YES,
        "priorityClassName": Ignored("the API server acts on it: it fills in priority"),
        "serviceAccountName": YES,
        "serviceAccount": Ignored(
            "the old name of serviceAccountName, which the API server fills in beside it"
        ),
        "preemptionPolicy": Ignored(_SCHEDULED),
        "schedulerName": Ignored(_SCHEDULED),
        "topologySpreadConstraints": Ignored(_SCHEDULED),
        "setHostnameAsFQDN": Supported(values=(False,)),
        "shareProcessNamespace": Supported(values=(False,)),
        "activeDeadlineSeconds": NO,
        "ephemeralContainers": NO,
        "evictionResponders": NO,
        "hostAliases": NO,
        "hostnameOverride": NO,
        "imagePullSecrets": NO,
        "initContainers": NO,
        "overhead": NO,
        "readinessGates": NO,
        "resourceClaims": NO,
        "resources": Refused("resources of each container"),
        "runtimeClassName": NO,
        "schedulingGates": NO,
        "schedulingGroup": NO,
        "securityContext": NO,
        "subdomain": NO,
        "volumes": NO,
    },
    core_v1.Affinity: {
        "nodeAffinity": YES,
        "podAffinity": Ignored(_SCHEDULED),
        "podAntiAffinity": Ignored(_SCHEDULED),
    },
    core_v1.NodeAffinity: {
        "requiredDuringSchedulingIgnoredDuringExecution": YES,
        "preferredDuringSchedulingIgnoredDuringExecution": Ignored(_SCHEDULED),
    },
    core_v1.NodeSelector: {
        "nodeSelectorTerms": YES,
    },
    core_v1.NodeSelectorTerm: {
        "matchExpressions": YES,
        "matchFields": YES,
    },
    core_v1.NodeSelectorRequirement: {
        "key": YES,
        "operator": YES,
        "values": YES,
    },
    core_v1.Toleration: {
        "key": YES,
        "operator": YES,
        "value": YES,
        "effect": YES,
        "tolerationSeconds": Ignored("a controller of the API server counts them and deletes the pod"),
    },
    core_v1.Container: {
        "name": YES,
        "image": YES,
        "command": YES,
        "args": YES,
        "workingDir": YES,
        "env": YES,
        "ports": YES,
        "resources": YES,
        "imagePullPolicy": YES,
        "stdin": YES,
        "stdinOnce": YES,
        "tty": YES,
        # No message is read yet. The defaults are let through, because printed Pods carry them.
        "terminationMessagePath": Supported(values=("/dev/termination-log",)),
        "terminationMessagePolicy": Supported(values=("File",)),
        "envFrom": Refused("env"),
        "lifecycle": NO,
        "livenessProbe": NO,
        "readinessProbe": NO,
        "resizePolicy": NO,
        "restartPolicy": Refused("spec.restartPolicy"),
        "restartPolicyRules": NO,
        "securityContext": NO,
        "startupProbe": NO,
        "volumeDevices": NO,
        "volumeMounts": NO,
    },
    core_v1.EnvVar: {
        "name": YES,
        "value": YES,
        "valueFrom": Refused("value"),
    },
    core_v1.ContainerPort: {
        "containerPort": YES,
        "name": YES,
        "protocol": YES,
        "hostIP": NO,
        "hostPort": Supported(values=(0,)),
    },
    core_v1.ResourceRequirements: {
        "limits": Supported(keys=("cpu", "memory")),
        "requests": Supported(keys=("cpu", "memory")),
        "claims": Refused("limits, requests"),
    },
    core_v1.PodDNSConfig: {
        "nameservers": YES,
        "options": YES,
        "searches": YES,
    },
    core_v1.PodDNSConfigOption: {
        "name": YES,
        "value": YES,
    },
    core_v1.PodOS: {
        "name": Supported(values=("linux",)),
    },
}

_SAYS_NO: Final = "is not supported by this version of the node"


def check_support(value: msgspec.Struct, path: Path = ()) -> Iterator[FieldProblem]:
    """A problem for each field that is set and would have no effect; to be asked before defaults are filled in.

    Nothing, an empty text, list, map or object counts as not set.
    """
    rules = FIELDS[type(value)]
    for name in value.__struct_fields__:
        item = getattr(value, name)
        if not _is_empty(item):
            yield from _check_field(item, rules.get(name, NO), (*path, name), rules)


def _check_field(
    item: Any, rule: Support, path: Path, rules: Mapping[str, Support]
) -> Iterator[FieldProblem]:
    match rule:
        case Ignored():
            return
        case Refused(instead):
            yield forbidden(
                path, _SAYS_NO, instead or ", ".join(name for name in rules if rules[name] is YES)
            )
        case Supported(values, _) if values and not any(_same(item, value) for value in values):
            yield forbidden(path, f"{show(item)} {_SAYS_NO}", ", ".join(map(show, values)))
        case Supported(_, keys) if keys:
            for key in item:
                if key not in keys:
                    yield forbidden((*path, key), _SAYS_NO, ", ".join(keys))
        case _:
            yield from _check_inside(item, path)


def _check_inside(item: Any, path: Path) -> Iterator[FieldProblem]:
    if isinstance(item, msgspec.Struct):
        yield from check_support(item, path)
    elif isinstance(item, list):
        for index, part in enumerate(item):
            if isinstance(part, msgspec.Struct):
                yield from check_support(part, (*path, index))


def _is_empty(item: Any) -> bool:
    if isinstance(item, msgspec.Struct):
        return all(_is_empty(getattr(item, name)) for name in item.__struct_fields__)
    return item is None or item in ("", [], {})


def _same(item: object, value: object) -> bool:
    """Equal and of one type: False is not 0."""
    return type(item) is type(value) and item == value


def without_ignored(pod: core_v1.Pod) -> core_v1.Pod:
    """The pod without the fields that are ignored, so that nothing later can depend on them."""
    metadata = pod.metadata and msgspec.structs.replace(pod.metadata, **_ignored(meta_v1.ObjectMeta))
    return msgspec.structs.replace(pod, **{**_ignored(core_v1.Pod), "metadata": metadata})


def _ignored(model: type[msgspec.Struct]) -> dict[str, None]:
    return {name: None for name, rule in FIELDS[model].items() if isinstance(rule, Ignored)}
