# SPDX-License-Identifier: Apache-2.0
"""The folder and the API server as one."""

from agent.sources.merge import displaced, merge
from agent.sources.model import DesiredPod, Origin, PodKey, Problem, Snapshot
from tests.unit.agent.builders import pod

LOCAL = pod(name="web", uid="local")


def from_api(name: str) -> DesiredPod:
    made = pod(name=name, uid=f"api-{name}")
    return DesiredPod(made.key, made.uid, made.pod, "api", Origin.API)


def snapshot(*pods: DesiredPod, blind: bool = False) -> Snapshot:
    return Snapshot({each.key: each for each in pods}, (Problem("x", "", "bad"),), is_blind=blind)


def test_both_sources_are_there_at_once() -> None:
    merged = merge(snapshot(LOCAL), snapshot(from_api("db")))
    assert {key.name: each.uid for key, each in merged.pods.items()} == {"web": "local", "db": "api-db"}
    assert len(merged.problems) == 2
    assert not merged.is_blind


def test_the_manifest_wins_over_a_pod_of_the_api_with_its_name() -> None:
    folder, api = snapshot(LOCAL), snapshot(from_api("web"), from_api("db"))
    assert merge(folder, api).pods[PodKey("default", "web")] is LOCAL
    (refused,) = displaced(folder, api).values()
    assert refused.refusal is not None
    assert refused.refusal.reason == "NameConflict"
    assert "web.yaml:1" in refused.refusal.message


def test_one_blind_source_makes_absence_mean_nothing() -> None:
    assert merge(snapshot(), snapshot(blind=True)).is_blind
    assert merge(snapshot(blind=True), snapshot()).is_blind
