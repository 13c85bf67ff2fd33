# SPDX-License-Identifier: Apache-2.0
"""From the spec's probe to what is done."""

import pytest
from lightkube.models import core_v1

from agent.probe.model import Check, ExecCheck, GrpcCheck, HttpCheck, TcpCheck, Timing
from agent.probe.render import ProbeError, check, timing

OURS = (("User-Agent", "kube-probe/1.32"), ("Accept", "*/*"))
CONTAINER = core_v1.Container(
    name="app",
    ports=[core_v1.ContainerPort(name="web", containerPort=8080)],
    env=[core_v1.EnvVar(name="PORT", value="99")],
)


def http(**fields: object) -> core_v1.Probe:
    return core_v1.Probe(httpGet=core_v1.HTTPGetAction(**fields))  # type: ignore[arg-type]


def header(name: str, value: str) -> core_v1.HTTPHeader:
    return core_v1.HTTPHeader(name=name, value=value)


@pytest.mark.parametrize(
    ("probe", "ip", "expected"),
    [
        (http(port=80), "10.0.0.2", HttpCheck("http://10.0.0.2:80/", OURS)),
        (
            http(port="web", path="/a?b=%20c", scheme="HTTPS"),
            "::2",
            HttpCheck("https://[::2]:8080/a?b=%20c", OURS),
        ),
        (
            http(port="8081", host="h.example", path="x"),
            "10.0.0.2",
            HttpCheck("http://h.example:8081/x", OURS),
        ),
        (http(port=1, path="http://elsewhere/p?q"), "10.0.0.2", HttpCheck("http://10.0.0.2:1/p?q", OURS)),
        (
            http(port=1, httpHeaders=[header("x-a", "1"), header("X-A", "2"), header("user-agent", "")]),
            "10.0.0.2",
            HttpCheck("http://10.0.0.2:1/", (OURS[1], ("x-a", "1"), ("X-A", "2"))),
        ),
        (
            http(port=1, httpHeaders=[header("Host", "me"), header("Accept", "text/html")]),
            "10.0.0.2",
            HttpCheck("http://10.0.0.2:1/", (OURS[0], ("Host", "me"), ("Accept", "text/html"))),
        ),
        (
            core_v1.Probe(tcpSocket=core_v1.TCPSocketAction(port="web")),
            "10.0.0.2",
            TcpCheck("10.0.0.2", 8080),
        ),
        (core_v1.Probe(tcpSocket=core_v1.TCPSocketAction(port=1, host="h")), "10.0.0.2", TcpCheck("h", 1)),
        (
            core_v1.Probe(grpc=core_v1.GRPCAction(port=9, service="s")),
            "10.0.0.2",
            GrpcCheck("10.0.0.2", 9, "s"),
        ),
        (
            core_v1.Probe(exec=core_v1.ExecAction(command=["nc", "$(PORT)", "$(NONE)", "$$(PORT)"])),
            "10.0.0.2",
            ExecCheck(("nc", "99", "$(NONE)", "$(PORT)")),
        ),
    ],
)
def test_checks(probe: core_v1.Probe, ip: str, expected: Check) -> None:
    assert check(probe, CONTAINER, ip) == expected


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (http(port="nope"), "names no such port; its named ports: web"),
        (http(port=0), "a port is a number from 1 to 65535"),
        (http(port="70000"), "from 1 to 65535"),
        (core_v1.Probe(), "has no exec, httpGet, tcpSocket or grpc"),
    ],
)
def test_probes_that_cannot_be_made_say_why(probe: core_v1.Probe, words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        check(probe, CONTAINER, "10.0.0.2")


def test_numbers_have_the_defaults_of_the_api() -> None:
    assert timing(core_v1.Probe()) == Timing(0, 10, 1, 1, 3)
    given = core_v1.Probe(
        initialDelaySeconds=1, periodSeconds=2, timeoutSeconds=3, successThreshold=4, failureThreshold=5
    )
    assert timing(given) == Timing(1, 2, 3, 4, 5)
