# SPDX-License-Identifier: Apache-2.0
"""The readings of all files into one snapshot, pure: who wins when two files name the same pod."""

from collections.abc import Iterator, Mapping

from agent.sources.model import DesiredPod, PodKey, Problem, Snapshot
from agent.sources.reading import FileReading

# Per file: what it says now, and pods that it said earlier and cannot say now because it is broken.
Readings = Mapping[str, tuple[FileReading, Mapping[PodKey, DesiredPod]]]


def assemble(readings: Readings, trouble: Problem | None = None) -> Snapshot:
    """Put the files together in the order of their names; `trouble` is why the folder cannot be read now."""
    pods: dict[PodKey, DesiredPod] = {}
    problems: list[Problem] = [trouble] if trouble else []
    for name in sorted(readings):
        problems += readings[name][0].problems
        for pod in readings[name][0].pods:
            if (clash := _clash(pod, pods)) is not None:
                problems.append(clash)
                continue
            pods[pod.key] = pod
    kept = list(_kept(readings, pods))
    pods |= {pod.key: pod for _, pod in kept}
    problems += [_runs_on(name, pod) for name, pod in kept]
    broken = frozenset(name for name, (reading, _) in readings.items() if not reading.is_complete)
    return Snapshot(pods, tuple(problems), broken, is_blind=trouble is not None)


def _clash(pod: DesiredPod, pods: Mapping[PodKey, DesiredPod]) -> Problem | None:
    if first := pods.get(pod.key):
        message = (
            f"pod {pod.key} is already defined at {first.source}, which stays; accepted: another name here"
        )
        return Problem(pod.source, "metadata.name", message)
    return None


def _kept(readings: Readings, shown: Mapping[PodKey, DesiredPod]) -> Iterator[tuple[str, DesiredPod]]:
    """Pods of earlier readings that no file shows now, with the file that showed them."""
    done = set(shown)
    for name in sorted(readings):
        for key, pod in readings[name][1].items():
            if key not in done:
                done.add(key)
                yield name, pod


def _runs_on(name: str, pod: DesiredPod) -> Problem:
    return Problem(
        name, "", f"pod {pod.key} runs on as it was last read, until this file is corrected or deleted"
    )
