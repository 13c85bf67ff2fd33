# SPDX-License-Identifier: Apache-2.0
"""The runtime handler that a pod's RuntimeClass names, and what the class itself costs."""

from lightkube.models import core_v1, node_v1

from agent.cgroup.resources import spec_of
from agent.cgroup.shares import PERIOD_US, milli_to_quota, milli_to_shares
from agent.errors import OperationError
from agent.objects.model import RUNTIME_CLASS, ObjectError, Objects, Ref
from cri.model import LinuxResources
from kube.quantity import ZERO, parse


def runtime_handler(pod: core_v1.Pod, objects: Objects) -> str:
    """The handler; "" is the default one. Raises OperationError (FailedCreatePodSandBox) with what is missing."""
    name = spec_of(pod).runtimeClassName
    if not name:
        return ""
    try:
        found = objects.get(Ref(RUNTIME_CLASS, "", name))
    except ObjectError as error:
        raise OperationError("FailedCreatePodSandBox", f"failed to get sandbox runtime: {error}") from error
    if not isinstance(found, node_v1.RuntimeClass):
        raise OperationError("FailedCreatePodSandBox", f"RuntimeClass {name} is a {type(found).__name__}")
    return found.handler


def overhead(pod: core_v1.Pod) -> LinuxResources | None:
    """What the sandbox takes beside the containers (spec.overhead), as the runtime is told; None for nothing."""
    amounts = {name: parse(text) for name, text in (spec_of(pod).overhead or {}).items()}
    if not amounts:
        return None
    cpu = amounts.get("cpu", ZERO).milli_value()
    return LinuxResources(
        cpu_shares=milli_to_shares(cpu) if cpu else 0,
        cpu_period=PERIOD_US if cpu else 0,
        cpu_quota=milli_to_quota(cpu) if cpu else 0,
        memory_limit=amounts.get("memory", ZERO).value(),
    )
