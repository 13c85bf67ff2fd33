# SPDX-License-Identifier: Apache-2.0
"""Probes of pods on a real node, as kubectl shows what they mean."""

from typing import Any

import pytest

from tests.support.cluster import Cluster, condition

pytestmark = pytest.mark.node

Json = dict[str, Any]
# The time that a probe may take is long: a loaded machine is no failure.
QUICK: Json = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 30}
# Serves /ok as long as the file is there, and everything else with 404.
SERVE = "mkdir -p /tmp/w; touch /tmp/w/ok; exec httpd -f -p 8080 -h /tmp/w"


def status(pod: Json) -> Json:
    found: Json = ((pod.get("status") or {}).get("containerStatuses") or [{}])[0]
    return found


def test_every_kind_makes_a_pod_ready(cluster: Cluster) -> None:
    port = {"ports": [{"name": "web", "containerPort": 8080}]}
    probes: dict[str, Json] = {
        "http": {"httpGet": {"path": "/ok", "port": "web"}},
        "tcp": {"tcpSocket": {"port": 8080}},
        "exec": {"exec": {"command": ["test", "-e", "/tmp/w/ok"]}},
    }
    for name, probe in probes.items():
        container = {**port, "readinessProbe": {**probe, **QUICK}}
        cluster.start(f"ready-{name}", SERVE, wait=False, container=container)
    for name in probes:
        cluster.await_ready(f"ready-{name}")


def test_readiness_comes_and_goes_with_the_server(cluster: Cluster) -> None:
    probe = {"httpGet": {"path": "/ok", "port": 8080}, **QUICK}
    cluster.start("moody", SERVE, container={"readinessProbe": probe})
    cluster.exec("moody", "rm", "/tmp/w/ok")
    pod = cluster.await_pod("moody", lambda pod: condition(pod, "Ready") == "False")
    assert not status(pod)["ready"]
    assert status(pod)["started"]
    words = "Readiness probe failed: HTTP probe failed with statuscode: 404"
    cluster.await_event("moody", "Unhealthy", words)
    cluster.exec("moody", "touch", "/tmp/w/ok")
    pod = cluster.await_ready("moody")
    assert status(pod)["restartCount"] == 0


def test_a_failed_liveness_probe_restarts_the_container(cluster: Cluster) -> None:
    probe = {"exec": {"command": ["sh", "-c", "cat /tmp/w/ok || { echo gone; exit 1; }"]}, **QUICK}
    cluster.start("mortal", SERVE, container={"livenessProbe": {**probe, "terminationGracePeriodSeconds": 1}})
    cluster.exec("mortal", "rm", "/tmp/w/ok")
    pod = cluster.await_pod("mortal", lambda pod: status(pod).get("restartCount", 0) > 0)
    assert status(pod)["lastState"]["terminated"]["exitCode"] in (137, 143)
    assert "gone" in cluster.await_event("mortal", "Unhealthy", "Liveness probe failed")["message"]
    killing = cluster.await_event("mortal", "Killing")
    assert killing["message"] == "Container app failed liveness probe, will be restarted"


def test_nothing_is_ready_before_startup_succeeds(cluster: Cluster) -> None:
    container = {
        "startupProbe": {
            "exec": {"command": ["test", "-e", "/tmp/started"]},
            "periodSeconds": 1,
            "failureThreshold": 300,
        },
        "livenessProbe": {"exec": {"command": ["test", "-e", "/tmp/started"]}, **QUICK},
    }
    cluster.start("slow", "sleep 3600", wait=False, container=container)
    pod = cluster.await_pod("slow", lambda pod: "running" in (status(pod).get("state") or {}))
    assert not status(pod)["started"]
    assert condition(pod, "Ready") == "False"
    cluster.await_event("slow", "Unhealthy", "Startup probe failed")
    cluster.exec("slow", "touch", "/tmp/started")
    assert status(cluster.await_ready("slow"))["restartCount"] == 0


def test_a_port_that_is_not_named_is_told_and_nothing_is_restarted(cluster: Cluster) -> None:
    probe = {"httpGet": {"path": "/", "port": "nope"}, **QUICK}
    cluster.start("unnamed", "sleep 3600", wait=False, container={"readinessProbe": probe})
    event = cluster.await_event("unnamed", "Unhealthy", "names no such port")
    assert event["message"].startswith(
        "Readiness probe errored and resulted in Unknown state: cannot probe port 'nope'"
    )
    assert status(cluster.pod("unnamed"))["restartCount"] == 0


def test_probes_are_counted(cluster: Cluster) -> None:
    cluster.start("counted", SERVE, container={"readinessProbe": {"tcpSocket": {"port": 8080}, **QUICK}})
    text = cluster.run("get", "--raw", "/api/v1/nodes/node1/proxy/metrics/probes")
    who = f'container="app",namespace="{cluster.current}",pod="counted"'
    assert f"prober_probe_total{{{who}" in text
    assert 'probe_type="Readiness",result="successful"' in text
