# SPDX-License-Identifier: Apache-2.0
"""GET /metrics, /metrics/probes, /metrics/resource, /metrics/cadvisor and /stats/summary."""

from aiohttp import web
from prometheus_client import generate_latest

from agent.server.answers import ANSWERS
from agent.server.kubelet_metrics import KubeletMetrics
from agent.server.resource_metrics import cadvisor_text, resource_text
from agent.server.summary import summary
from agent.server.usage import NodeUsage, measure
from cri import CriError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METRICS = web.AppKey("metrics", KubeletMetrics)


async def metrics(request: web.Request) -> web.Response:
    """The agent itself."""
    return _text(generate_latest(request.app[METRICS].registry))


async def probes(request: web.Request) -> web.Response:
    """Probes by result."""
    return _text(generate_latest(request.app[ANSWERS].probe_metrics))


async def resource(request: web.Request) -> web.Response:
    """CPU and memory of node, pods and containers."""
    return _text(resource_text(await _usage(request)))


async def cadvisor(request: web.Request) -> web.Response:
    """Usage by cAdvisor's names."""
    return _text(cadvisor_text(await _usage(request)))


async def stats_summary(request: web.Request) -> web.Response:
    """Usage as JSON."""
    only = request.query.get("only_cpu_and_memory", "") in ("true", "1")
    return web.json_response(summary(await _usage(request), only))


def _text(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


async def _usage(request: web.Request) -> NodeUsage:
    try:
        return await measure(request.app[ANSWERS])
    except CriError as error:
        raise web.HTTPInternalServerError(text=f"{error}\n") from error
