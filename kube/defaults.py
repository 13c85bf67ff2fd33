# SPDX-License-Identifier: Apache-2.0
"""What the API server fills in where a Pod says nothing, so that every reader of a Pod sees the same values.

The values are those of kubernetes pkg/apis/core/v1/defaults.go. What admission adds there on top (service account,
priority, tolerations) is not here: it depends on other objects.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from lightkube.models import core_v1, meta_v1

from kube.filling import filled
from kube.images import pull_policy
from kube.volume_defaults import volume_with_defaults

T = TypeVar("T", bound=msgspec.Struct)
C = TypeVar("C", core_v1.Container, core_v1.EphemeralContainer)

NAMESPACE: Final = "default"
GRACE_SECONDS: Final = 30

_SPEC: Final[Mapping[str, Any]] = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "terminationGracePeriodSeconds": GRACE_SECONDS,
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
_CONTAINER: Final[Mapping[str, Any]] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Final[Mapping[str, Any]] = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
# Where Go has a plain number, zero is the same as unset.
_UNSET_OR_ZERO: Final = (None, "", 0)
_HTTP_GET: Final[Mapping[str, Any]] = {"path": "/", "scheme": "HTTP"}


def pod_with_defaults(pod: core_v1.Pod) -> core_v1.Pod:
    """A copy of the pod with every default filled in; the given pod is left as it was."""
    metadata = filled(pod.metadata or meta_v1.ObjectMeta(), {"namespace": NAMESPACE})
    spec = pod.spec and pod_spec_with_defaults(pod.spec)
    return msgspec.structs.replace(pod, apiVersion="v1", kind="Pod", metadata=metadata, spec=spec)


def pod_spec_with_defaults(spec: core_v1.PodSpec) -> core_v1.PodSpec:
    """The same for a spec alone, as the templates of workloads have it."""
    spec = filled(spec, {**_SPEC, "securityContext": core_v1.PodSecurityContext()})
    on_host = bool(spec.hostNetwork)
    return msgspec.structs.replace(
        spec,
        volumes=spec.volumes and [volume_with_defaults(volume) for volume in spec.volumes],
        containers=[_container(container, on_host=on_host) for container in spec.containers],
        initContainers=spec.initContainers
        and [_container(container, on_host=on_host) for container in spec.initContainers],
        ephemeralContainers=spec.ephemeralContainers
        and [_container(container, on_host=on_host) for container in spec.ephemeralContainers],
    )


def _container(container: C, *, on_host: bool) -> C:
    container = filled(container, {**_CONTAINER, "imagePullPolicy": pull_policy(container.image or "")})
    return msgspec.structs.replace(
        container,
        ports=container.ports and [_port(port, on_host=on_host) for port in container.ports],
        env=container.env and [_variable(variable) for variable in container.env],
        resources=_resources(container.resources),
        livenessProbe=_probe(container.livenessProbe),
        readinessProbe=_probe(container.readinessProbe),
        startupProbe=_probe(container.startupProbe),
        lifecycle=container.lifecycle and _lifecycle(container.lifecycle),
    )


def _port(port: core_v1.ContainerPort, *, on_host: bool) -> core_v1.ContainerPort:
    """A pod in the node's network uses the node's ports."""
    host = {"hostPort": port.containerPort} if on_host else {}
    return filled(port, {"protocol": "TCP", **host}, unset=_UNSET_OR_ZERO)


def _variable(variable: core_v1.EnvVar) -> core_v1.EnvVar:
    source = variable.valueFrom
    if source is None:
        return variable
    made = msgspec.structs.replace(
        source,
        fieldRef=source.fieldRef and filled(source.fieldRef, {"apiVersion": "v1"}),
        fileKeyRef=source.fileKeyRef and filled(source.fileKeyRef, {"optional": False}),
    )
    return msgspec.structs.replace(variable, valueFrom=made)


def _resources(resources: core_v1.ResourceRequirements | None) -> core_v1.ResourceRequirements:
    """What is limited and not requested is requested to its limit."""
    resources = resources or core_v1.ResourceRequirements()
    if not resources.limits:
        return resources
    return msgspec.structs.replace(resources, requests={**resources.limits, **(resources.requests or {})})


def _probe(probe: core_v1.Probe | None) -> core_v1.Probe | None:
    if probe is None:
        return None
    probe = filled(probe, _PROBE, unset=_UNSET_OR_ZERO)
    return msgspec.structs.replace(
        probe,
        httpGet=probe.httpGet and filled(probe.httpGet, _HTTP_GET),
        grpc=probe.grpc and filled(probe.grpc, {"service": ""}),
    )


def _lifecycle(lifecycle: core_v1.Lifecycle) -> core_v1.Lifecycle:
    return msgspec.structs.replace(
        lifecycle, postStart=_hook(lifecycle.postStart), preStop=_hook(lifecycle.preStop)
    )


def _hook(hook: core_v1.LifecycleHandler | None) -> core_v1.LifecycleHandler | None:
    if hook is None or hook.httpGet is None:
        return hook
    return msgspec.structs.replace(hook, httpGet=filled(hook.httpGet, _HTTP_GET))
