# SPDX-License-Identifier: Apache-2.0
"""Ending one container: its preStop hook, SIGTERM, and SIGKILL when the time is over."""

import asyncio
import math
from collections.abc import Callable

from lightkube.models import core_v1

from agent.errors import OperationError
from agent.pod.hooks import PRE_STOP_FAILED, HookTarget, run_pre_stop
from agent.pod.model import StopContainer
from cri import Runtime

# A process gets this long after a hook that used up everything, in seconds; the kubelet's number.
AFTER_HOOK = 2


async def stop_container(
    runtime: Runtime,
    operation: StopContainer,
    about: str,
    pod_ip: str,
    clock: Callable[[], float],
    tell: Callable[[str, str], None],
) -> None:
    """Return when the container has ended. tell gets reason and message of a hook that failed.

    Raises CriError when the runtime cannot.
    """
    least = 0
    if operation.hook is not None:
        least = AFTER_HOOK if operation.until > clock() else 0
        # Its ports are numbers already, so nothing else of the container matters to the hook.
        target = HookTarget(core_v1.Container(operation.target), operation.container_id, pod_ip, about)
        try:
            async with asyncio.timeout(max(0.0, operation.until - clock())):
                await run_pre_stop(runtime, operation.hook, target)
        except TimeoutError:
            tell(PRE_STOP_FAILED, f"preStop hook of {about} did not end within the grace period")
        except OperationError as error:
            tell(error.reason, str(error))
    left = max(least, math.ceil(operation.until - clock()))
    await runtime.stop_container(operation.container_id, grace=left, about=about)
