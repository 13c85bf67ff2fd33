# SPDX-License-Identifier: Apache-2.0
"""GET /pods and /runningpods/ as v1 PodLists, and /status, which is Orlop's own."""

import time
from dataclasses import asdict
from datetime import UTC, datetime

from aiohttp import web
from lightkube.models import core_v1, meta_v1

from agent.pod import labels
from agent.pod.model import Failure, ObservedPod, PodKey
from agent.pod.situation import Situation
from agent.pod.status import pod_status
from agent.pod.view import PodView
from agent.server.answers import ANSWERS, Answers
from agent.sources.model import DesiredPod
from cri.model import ContainerState


async def pods(request: web.Request) -> web.Response:
    """What should run here, with its status."""
    answers = request.app[ANSWERS]
    return _list([_pod(desired, answers) for desired in answers.manager.snapshot.pods.values()])


async def running_pods(request: web.Request) -> web.Response:
    """What the runtime runs, whether or not it should."""
    views = request.app[ANSWERS].manager.views
    found = (_running(key, view.observed) for key, view in views.items())
    return _list([pod for pod in found if pod is not None])


async def status(request: web.Request) -> web.Response:
    """What `orlop status` shows besides the pods."""
    answers = request.app[ANSWERS]
    views = answers.manager.views
    return web.json_response(
        {
            "node": answers.node_name,
            "runtime": {"name": answers.runtime.info.name, "version": answers.runtime.info.version},
            "problems": [asdict(problem) for problem in answers.manager.snapshot.problems],
            "pods": {str(key): _view(view) for key, view in views.items()},
        }
    )


def _list(items: list[core_v1.Pod]) -> web.Response:
    data = core_v1.PodList(items=items, metadata=meta_v1.ListMeta()).to_dict()
    return web.json_response({"apiVersion": "v1", "kind": "PodList", **data})


def _pod(desired: DesiredPod, answers: Answers) -> core_v1.Pod:
    view = answers.manager.views.get(desired.key, PodView())
    # Before the first look at a pod nothing of it is known but what was told before.
    status = view.status or pod_status(
        desired,
        Situation(
            ObservedPod(),
            {},
            {},
            (answers.address,) if answers.address else (),
            time.time(),
            previous=desired.pod.status or core_v1.PodStatus(),
        ),
    )
    return core_v1.Pod(
        apiVersion="v1",
        kind="Pod",
        metadata=desired.pod.metadata,
        spec=desired.pod.spec,
        status=status,
    )


def _running(key: PodKey, observed: ObservedPod) -> core_v1.Pod | None:
    running = [c for c in observed.containers if c.status.state is ContainerState.RUNNING]
    if not running:
        return None
    sandbox = next((s for s in observed.sandboxes if s.id == running[0].sandbox_id), None)
    containers = [core_v1.Container(name=c.status.name, image=c.status.image) for c in running]
    metadata = meta_v1.ObjectMeta(
        name=key.name, namespace=key.namespace, uid=sandbox.metadata.uid if sandbox else None
    )
    return core_v1.Pod(
        apiVersion="v1",
        kind="Pod",
        metadata=metadata,
        spec=core_v1.PodSpec(containers=containers),
        status=core_v1.PodStatus(),
    )


def _view(view: PodView) -> dict[str, object]:
    return {
        "settled": view.settled,
        "timeline": view.timeline.to_data(),
        "failures": [_failure(failure) for failure in view.failures.values()],
        "sandboxes": [s.id for s in view.observed.sandboxes],
        "cgroup": next((s.annotations.get(labels.CGROUP, "") for s in view.observed.sandboxes), ""),
    }


def _failure(failure: Failure) -> dict[str, object]:
    """What could not be done, for whom ("" is the whole pod), and when it is tried again."""
    retry = datetime.fromtimestamp(failure.retry_at, UTC).isoformat(timespec="seconds")
    return {
        "target": failure.target,
        "reason": failure.reason,
        "message": failure.message,
        "retryAt": retry.replace("+00:00", "Z"),
    }
