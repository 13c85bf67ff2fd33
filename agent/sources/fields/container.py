# SPDX-License-Identifier: Apache-2.0
"""Containers of all kinds: what runs in them, with which resources, ports and hooks."""

from typing import Final

from lightkube.models import core_v1

from agent.sources.fields.rules import YES, Fields, Refused, Support, Supported, every, none_of

_COMMON: Final[dict[str, Support]] = {
    **every("name image imagePullPolicy command args workingDir env envFrom stdin stdinOnce tty"),
    **every("volumeMounts securityContext terminationMessagePath"),
    "terminationMessagePolicy": Supported(values=("File", "FallbackToLogsOnError")),
    "volumeDevices": Refused("volumeMounts"),
}

CONTAINER: Final[Fields] = {
    core_v1.Container: {
        **_COMMON,
        **every("lifecycle livenessProbe readinessProbe startupProbe ports resources resizePolicy"),
        "restartPolicy": Supported(values=("Always", "OnFailure", "Never")),
        "restartPolicyRules": Refused("restartPolicy"),
    },
    core_v1.EphemeralContainer: {
        **_COMMON,
        "targetContainerName": YES,
        # The API server lets none of these through either.
        **none_of(("lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "ports", "resources")),
        **none_of(("resizePolicy", "restartPolicy", "restartPolicyRules")),
    },
    core_v1.ContainerPort: every("containerPort name protocol hostIP hostPort"),
    core_v1.ResourceRequirements: {
        "limits": Supported(keys=("cpu", "memory")),
        "requests": Supported(keys=("cpu", "memory", "ephemeral-storage")),
        "claims": Refused("limits, requests"),
    },
    core_v1.ContainerResizePolicy: {
        "resourceName": Supported(values=("cpu", "memory")),
        "restartPolicy": Supported(values=("NotRequired", "RestartContainer")),
    },
    core_v1.Lifecycle: {
        "postStart": YES,
        "preStop": YES,
        # No runtime that is supported can be told; the image's STOPSIGNAL holds.
        "stopSignal": Refused("STOPSIGNAL of the image"),
    },
    core_v1.LifecycleHandler: {
        **every("exec httpGet sleep"),
        "tcpSocket": Refused("exec, httpGet or sleep: the API has no such hook any more"),
    },
    core_v1.SleepAction: every("seconds"),
}
