# SPDX-License-Identifier: Apache-2.0
"""The agent's HTTP routes, on a unix socket that only root may open.

GET  /healthz                               "ok" while the runtime answers
GET  /pods                                  v1 PodList: what should run here, with its status
GET  /status                                node, runtime, problems of the sources, timelines
POST /exec/{namespace}/{pod}/{container}    upgraded stream, as the kubelet's (also GET, for websockets)
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aiohttp import web
from lightkube.models import core_v1, meta_v1

from agent.pod import labels
from agent.pod.manager import PodManager
from agent.pod.model import PodKey
from agent.pod.status import Situation, pod_status
from agent.pod.worker import PodView
from agent.server.stream import splice
from agent.sources.model import DesiredPod
from cri import CriError, Runtime
from cri.model import ContainerState


@dataclass(frozen=True, slots=True)
class Answers:
    """What the routes read from."""

    node_name: str
    address: str
    runtime: Runtime
    manager: PodManager


ANSWERS = web.AppKey("answers", Answers)


def make_app(answers: Answers) -> web.Application:
    """The application with all routes."""
    app = web.Application()
    app[ANSWERS] = answers
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/pods", pods),
            web.get("/status", status),
            web.get("/exec/{namespace}/{pod}/{container}", exec_),
            web.post("/exec/{namespace}/{pod}/{container}", exec_),
        ]
    )
    return app


async def healthz(request: web.Request) -> web.Response:
    """200 "ok" while the runtime answers; 503 with its words otherwise."""
    try:
        await request.app[ANSWERS].runtime.version()
    except CriError as error:
        return web.Response(status=503, text=f"{error}\n")
    return web.Response(text="ok\n")


async def pods(request: web.Request) -> web.Response:
    """A v1 PodList of what should run here."""
    answers = request.app[ANSWERS]
    items = [_pod(desired, answers) for desired in answers.manager.snapshot.pods.values()]
    data = core_v1.PodList(items=items, metadata=meta_v1.ListMeta()).to_dict()
    return web.json_response({"apiVersion": "v1", "kind": "PodList", **data})


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


async def exec_(request: web.Request) -> web.StreamResponse:
    """Run a command in a container: ?command=…&stdin=…&stdout=…&stderr=…&tty=… with an Upgrade header."""
    answers, query = request.app[ANSWERS], request.query
    key = PodKey(request.match_info["namespace"], request.match_info["pod"])
    container_id = _running_container(answers.manager.views.get(key), key, request.match_info["container"])
    if "Upgrade" not in request.headers:
        raise web.HTTPBadRequest(text="exec needs an upgraded connection: a websocket, or SPDY/3.1\n")
    if not query.getall("command", []):
        raise web.HTTPBadRequest(text="no command given: add ?command=… once for each word\n")
    try:
        url = await answers.runtime.exec_url(
            container_id,
            tuple(query.getall("command")),
            tty=_flag(query, "tty"),
            stdin=_flag(query, "stdin"),
            stdout=_flag(query, "stdout"),
            stderr=_flag(query, "stderr"),
        )
    except CriError as error:
        raise web.HTTPInternalServerError(text=f"{error}\n") from error
    return await splice(request, url)


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "") in ("1", "true")


def _running_container(view: PodView | None, key: PodKey, name: str) -> str:
    if view is None:
        raise web.HTTPNotFound(text=f"pod {key} does not run on this node\n")
    container = view.observed.latest(name)
    if container is None:
        known = ", ".join(sorted({c.status.name for c in view.observed.containers})) or "none"
        raise web.HTTPNotFound(text=f"pod {key} has no container {name!r}; it has: {known}\n")
    if container.status.state is not ContainerState.RUNNING:
        raise web.HTTPConflict(text=f"container {key}/{name} is {container.status.state}, not running\n")
    return container.status.id


def _pod(desired: DesiredPod, answers: Answers) -> core_v1.Pod:
    view = answers.manager.views.get(desired.key, PodView())
    situation = Situation(
        view.observed.of_uid(desired.uid),
        view.waiting,
        view.failures,
        (answers.address,) if answers.address else (),
        time.time(),
        previous=desired.pod.status or core_v1.PodStatus(),
    )
    return core_v1.Pod(
        apiVersion="v1",
        kind="Pod",
        metadata=desired.pod.metadata,
        spec=desired.pod.spec,
        status=pod_status(desired, situation),
    )


def _view(view: PodView) -> dict[str, object]:
    return {
        "settled": view.settled,
        "timeline": view.timeline.to_data(),
        "sandboxes": [s.id for s in view.observed.sandboxes],
        "cgroup": next((s.annotations.get(labels.CGROUP, "") for s in view.observed.sandboxes), ""),
    }
