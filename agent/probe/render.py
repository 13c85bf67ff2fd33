# SPDX-License-Identifier: Apache-2.0
"""A probe of the spec to what is done for it: check and numbers, pure."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from lightkube.models import core_v1

from agent.errors import AgentError
from agent.probe.model import Check, ExecCheck, GrpcCheck, HttpCheck, TcpCheck, Timing
from kube.expand import expand

# k8s.io/component-base's version is in the kubelet's; servers tell probes by the part before the slash.
USER_AGENT = "kube-probe/1.32"
ACCEPT = "*/*"

Probed = core_v1.Container | core_v1.EphemeralContainer


class ProbeError(AgentError):
    """A probe that cannot be made as it is written."""


def timing(probe: core_v1.Probe) -> Timing:
    """The numbers; what is absent or 0 has the API's default."""
    return Timing(
        initial_delay=probe.initialDelaySeconds or 0,
        period=probe.periodSeconds or 10,
        timeout=probe.timeoutSeconds or 1,
        successes=probe.successThreshold or 1,
        failures=probe.failureThreshold or 3,
    )


def check(probe: core_v1.Probe, container: Probed, pod_ip: str) -> Check:
    """What to do for the probe. Raises ProbeError for a port that is not there, or a probe without a handler."""
    if probe.exec:
        # Only values that the spec has itself are known here, as in the kubelet.
        env = {variable.name: variable.value or "" for variable in container.env or ()}
        return ExecCheck(tuple(expand(word, env) for word in probe.exec.command or ()))
    if probe.httpGet:
        return _http(probe.httpGet, container, pod_ip)
    if probe.tcpSocket:
        return TcpCheck(probe.tcpSocket.host or pod_ip, _port(probe.tcpSocket.port, container))
    if probe.grpc:
        return GrpcCheck(pod_ip, _valid(probe.grpc.port), probe.grpc.service or "")
    raise ProbeError(
        f"cannot probe container {container.name}: the probe has no exec, httpGet, tcpSocket or grpc"
    )


def _http(action: core_v1.HTTPGetAction, container: Probed, pod_ip: str) -> HttpCheck:
    host, port = action.host or pod_ip, _port(action.port, container)
    scheme = (action.scheme or "HTTP").lower()
    # A path may carry a query of its own; one that is a whole URL keeps its path and query only.
    parts = urlsplit(action.path or "/")
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    query = f"?{parts.query}" if parts.query else ""
    return HttpCheck(
        f"{scheme}://{authority(host, port)}{path}{query}", tuple(_headers(action.httpHeaders or ()))
    )


def authority(host: str, port: int) -> str:
    """host:port as URLs have it: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _headers(given: Iterable[core_v1.HTTPHeader]) -> Iterable[tuple[str, str]]:
    """The probe's own User-Agent and Accept unless the spec names them; an empty value leaves the header out."""
    headers = [(header.name, header.value or "") for header in given]
    named = {name.lower() for name, _ in headers}
    ours = [("User-Agent", USER_AGENT), ("Accept", ACCEPT)]
    left_out = {
        name.lower() for name, value in headers if not value and name.lower() in ("user-agent", "accept")
    }
    yield from (pair for pair in ours if pair[0].lower() not in named)
    yield from (pair for pair in headers if pair[0].lower() not in left_out)


def _port(port: int | str, container: Probed) -> int:
    if isinstance(port, int):
        return _valid(port)
    named = {each.name: each.containerPort for each in container.ports or () if each.name}
    if port in named:
        return _valid(named[port])
    if port.isascii() and port.isdigit():
        return _valid(int(port[:9]))
    known = ", ".join(sorted(named)) or "none"
    raise ProbeError(
        f"cannot probe port {port!r}: container {container.name} names no such port; its named ports: {known}"
    )


def _valid(port: int) -> int:
    if not 0 < port < 65536:
        raise ProbeError(f"cannot probe port {port}: a port is a number from 1 to 65535")
    return port
