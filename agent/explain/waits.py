# SPDX-License-Identifier: Apache-2.0
"""What a pod waits for now, from its status alone; pure over the API's plain data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent.explain.advice import advice_for

Json = Mapping[str, Any]

_LISTS: Final = (
    ("init container", "initContainerStatuses"),
    ("container", "containerStatuses"),
    ("ephemeral container", "ephemeralContainerStatuses"),
)
_CONDITIONS: Final = ("PodReadyToStartContainers", "Ready")
# Said better by the containers themselves.
_OF_CONTAINERS: Final = ("ContainersNotReady", "ContainersNotInitialized")


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that is in the way: what waits, the API's reason, the cause in words, and what would unblock it.

    since and until are RFC 3339 times, "" where nobody knows: until is when the node tries again by itself.
    """

    what: str
    reason: str
    message: str
    unblock: str
    since: str = ""
    until: str = ""

    def to_data(self) -> dict[str, str]:
        """As plain data, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}


def waits_of(pod: Json, failures: Sequence[Json] = ()) -> tuple[Wait, ...]:
    """Everything that is in the way of the pod's being Ready, or gone if it is being deleted; first causes first.

    failures are what the node could not do lately: target, reason, message and retryAt, as its agent tells them.
    """
    status = pod.get("status") or {}
    if deleted := pod["metadata"].get("deletionTimestamp"):
        return tuple(_endings(status, str(deleted)))
    if status.get("phase") in ("Succeeded", "Failed"):
        return ()
    retries = {failure["target"]: str(failure.get("retryAt", "")) for failure in failures}
    containers = tuple(_containers(status, retries))
    return (*_conditions(status, retries, said_better=bool(containers)), *containers)


def _endings(status: Json, deleted: str) -> Iterator[Wait]:
    for kind, container in _all(status):
        if running := (container.get("state") or {}).get("running"):
            message = f"it has until {deleted} to end"
            yield Wait(
                f"{kind} {container['name']}",
                "Terminating",
                message,
                advice_for("Terminating"),
                since=str(running.get("startedAt") or ""),
                until=deleted,
            )


def _conditions(status: Json, retries: Mapping[str, str], *, said_better: bool) -> Iterator[Wait]:
    for condition in status.get("conditions") or ():
        reason = condition.get("reason") or ""
        if condition["type"] not in _CONDITIONS or condition["status"] == "True" or not reason:
            continue
        if said_better and reason in _OF_CONTAINERS:
            continue
        yield Wait(
            "pod",
            reason,
            condition.get("message") or "",
            advice_for(reason),
            since=str(condition.get("lastTransitionTime") or ""),
            until=retries.get("", "") if condition["type"] == _CONDITIONS[0] else "",
        )


def _containers(status: Json, retries: Mapping[str, str]) -> Iterator[Wait]:
    for kind, container in _all(status):
        name, what = container["name"], f"{kind} {container['name']}"
        state = container.get("state") or {}
        if waiting := state.get("waiting"):
            yield _waiting(what, waiting, container, retries.get(name, ""))
        elif state.get("running") and kind == "container" and not container.get("ready"):
            yield _unready(what, container, str(state["running"].get("startedAt") or ""))


def _waiting(what: str, waiting: Json, container: Json, until: str) -> Wait:
    reason = waiting.get("reason") or "ContainerCreating"
    last = (container.get("lastState") or {}).get("terminated") or {}
    message = waiting.get("message") or ""
    if last:
        end = f"last ended with {last.get('reason') or 'Error'}, exit code {last.get('exitCode')}"
        message = "; ".join(part for part in (message, end, last.get("message") or "") if part)
    cause = "OOMKilled" if last.get("reason") == "OOMKilled" else reason
    return Wait(
        what, reason, message, advice_for(cause), since=str(last.get("finishedAt") or ""), until=until
    )


def _unready(what: str, container: Json, since: str) -> Wait:
    if container.get("started"):
        return Wait(what, "NotReady", "it runs and is not ready", advice_for("ContainersNotReady"), since)
    text = "its startup probe, or its postStart hook, has to succeed"
    return Wait(what, "NotStarted", "it runs and has not started up yet", text, since)


def _all(status: Json) -> Iterator[tuple[str, Json]]:
    for kind, field in _LISTS:
        for container in status.get(field) or ():
            yield kind, container
