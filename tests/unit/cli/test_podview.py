# SPDX-License-Identifier: Apache-2.0
"""What a row of `orlop status` says of a pod."""

import pytest

from cli import podview


def pod(*states: dict[str, object], phase: str = "Running", **status: object) -> dict[str, object]:
    statuses = [{"name": f"c{i}", "state": s, "ready": "running" in s} for i, s in enumerate(states)]
    return {"status": {"phase": phase, "containerStatuses": statuses, **status}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pod({"running": {}}), "Running"),
        (pod({"running": {}}, {"waiting": {"reason": "CrashLoopBackOff"}}), "CrashLoopBackOff"),
        (pod({"terminated": {"reason": "OOMKilled"}}, phase="Failed"), "OOMKilled"),
        (
            pod(
                {"waiting": {"reason": "ContainerCreating"}},
                conditions=[
                    {
                        "type": "PodReadyToStartContainers",
                        "status": "False",
                        "reason": "FailedCreatePodSandBox",
                    }
                ],
            ),
            "FailedCreatePodSandBox",
        ),
        (pod(phase="Failed", reason="DeadlineExceeded"), "DeadlineExceeded"),
        (pod(phase="Pending"), "Pending"),
    ],
)
def test_status(given: dict[str, object], expected: str) -> None:
    assert podview.status_of(given) == expected


def test_ready_counts_containers() -> None:
    assert podview.ready_of(pod({"running": {}}, {"waiting": {}})) == "1/2"


def test_why_names_the_container() -> None:
    given = pod({"waiting": {"reason": "ErrImagePull", "message": "no such host"}})
    assert podview.why_of(given) == "c0: no such host"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (200000, "2d")]
)
def test_age(seconds: float, text: str) -> None:
    assert podview.age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, ""), (64 << 20, "64Mi"), (1536 << 20, "1.5Gi"), (12, "12B")]
)
def test_bytes(count: int | None, text: str) -> None:
    assert podview.bytes_text(count) == text


def test_cpu_limit_in_millicores() -> None:
    assert podview.cpu_text(20000, 100000) == "200m"
    assert podview.cpu_text(None, 100000) == ""
