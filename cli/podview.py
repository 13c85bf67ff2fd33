# SPDX-License-Identifier: Apache-2.0
"""A pod in one row, in the words that kubectl users know; pure functions over the API's plain data."""

from datetime import UTC, datetime
from typing import Any


def ready_of(pod: dict[str, Any]) -> str:
    """Ready containers of all, as "1/2"."""
    statuses = pod["status"].get("containerStatuses", [])
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len(statuses)}"


def restarts_of(pod: dict[str, Any]) -> int:
    """All restarts of all containers."""
    return sum(int(s.get("restartCount", 0)) for s in pod["status"].get("containerStatuses", []))


def status_of(pod: dict[str, Any]) -> str:
    """The reason that matters most, else the phase: CrashLoopBackOff before Running, OOMKilled before Failed."""
    if reason := pod["status"].get("reason") or _not_startable(pod).get("reason"):
        return str(reason)
    states = [s.get("state", {}) for s in pod["status"].get("containerStatuses", [])]
    for kind in ("waiting", "terminated"):
        for state in states:
            if (detail := state.get(kind)) and detail.get("reason"):
                return str(detail["reason"])
    return str(pod["status"].get("phase", "Unknown"))


def why_of(pod: dict[str, Any]) -> str:
    """The text behind the status, if there is one: what failed and why, in the words of whoever failed."""
    if message := pod["status"].get("message") or _not_startable(pod).get("message"):
        return str(message)
    for status in pod["status"].get("containerStatuses", []):
        for detail in status.get("state", {}).values():
            if detail and detail.get("message"):
                return f"{status['name']}: {detail['message']}"
    return ""


def _not_startable(pod: dict[str, Any]) -> dict[str, Any]:
    """The condition that says why no container of the pod can be started, {} when they can."""
    for condition in pod["status"].get("conditions") or ():
        if condition["type"] == "PodReadyToStartContainers" and condition["status"] == "False":
            return dict(condition)
    return {}


def age(seconds: float) -> str:
    """A duration as kubectl prints it: 45s, 3m, 5h, 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (unit == "d" and seconds >= size):
            return f"{seconds // size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def age_of(pod: dict[str, Any]) -> str:
    """Since when the pod has been there; "" before its sandbox is."""
    start = pod["status"].get("startTime")
    if not start:
        return ""
    return age((datetime.now(UTC) - datetime.fromisoformat(str(start))).total_seconds())


def bytes_text(count: int | None) -> str:
    """Memory as people write limits: 64Mi, 1.5Gi; "" for none."""
    if count is None:
        return ""
    for unit, size in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if count >= size:
            return f"{count / size:.4g}{unit}"
    return f"{count}B"


def cpu_text(quota_us: int | None, period_us: int) -> str:
    """A CPU limit as millicores: quota 20000 of 100000 is 200m; "" for none."""
    return f"{quota_us * 1000 / period_us:.0f}m" if quota_us and period_us else ""
