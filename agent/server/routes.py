# SPDX-License-Identifier: Apache-2.0
"""Which path is answered by what; README.md says who may ask. /status is on the unix socket only."""

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.server import checkpoint, health, metrics, pods, streams
from agent.server.answers import ANSWERS, Answers
from agent.server.container_logs import container_logs
from agent.server.kubelet_metrics import KubeletMetrics

__all__ = ["Answers", "make_app"]

_POD = "/{namespace}/{pod}"
_WITH_UID = "/{namespace}/{pod}/{uid}"


def make_app(
    answers: Answers, middlewares: Iterable[Middleware] = (), *, is_local: bool = True
) -> web.Application:
    """The application with all routes; is_local adds those that are for the unix socket alone."""
    app = web.Application(middlewares=tuple(middlewares))
    app[ANSWERS] = answers
    app[metrics.METRICS] = KubeletMetrics(answers.node_name, answers.manager)
    app.add_routes(
        [
            web.get("/healthz", health.healthz),
            web.get("/healthz/ping", health.ping),
            web.get("/healthz/log", health.ping),
            web.get("/healthz/syncloop", health.sync_loop),
            web.get("/configz", health.configz),
            web.get("/pods", pods.pods),
            web.get("/pods/", pods.pods),
            web.get("/runningpods", pods.running_pods),
            web.get("/runningpods/", pods.running_pods),
            web.get("/metrics", metrics.metrics),
            web.get("/metrics/probes", metrics.probes),
            web.get("/metrics/resource", metrics.resource),
            web.get("/metrics/cadvisor", metrics.cadvisor),
            web.get("/stats/summary", metrics.stats_summary),
            web.post("/stats/summary", metrics.stats_summary),
            web.get(f"/containerLogs{_POD}/{{container}}", container_logs),
            web.post(f"/checkpoint{_POD}/{{container}}", checkpoint.checkpoint),
        ]
    )
    _add_streams(app)
    if is_local:
        app.add_routes([web.get("/status", pods.status)])
    if answers.logs_folder is not None:
        app.add_routes([web.static("/logs", answers.logs_folder, show_index=True)])
    return app


def _add_streams(app: web.Application) -> None:
    """By GET for websockets and by POST for SPDY, with and without the pod's uid."""
    handlers = {"exec": streams.exec_, "attach": streams.attach}
    for base in (_POD, _WITH_UID):
        for name, handler in handlers.items():
            path = f"/{name}{base}/{{container}}"
            app.add_routes([web.get(path, handler), web.post(path, handler)])
        path = f"/portForward{base}"
        app.add_routes([web.get(path, streams.port_forward), web.post(path, streams.port_forward)])
        app.add_routes([web.post(f"/run{base}/{{container}}", streams.run)])
