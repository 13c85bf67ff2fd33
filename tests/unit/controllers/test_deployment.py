# SPDX-License-Identifier: Apache-2.0
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.controllers import meta, progress, revisions
from controlplane.controllers.deployment import plan
from controlplane.controllers.operations import Create
from controlplane.controllers.rollout import goal
from kube.events import Happening
from kube.kinds import DEPLOYMENTS, PODS, REPLICA_SETS
from tests.unit.controllers.objects import going
from tests.unit.controllers.world import World, deployment, template

Json = dict[str, Any]


def rested(**spec: Any) -> World:
    world = World()
    world.put(DEPLOYMENTS, deployment(**spec))
    world.settle()
    return world


def web(world: World) -> Json:
    return world.objects[DEPLOYMENTS, "web"]


def images(world: World) -> dict[str, int]:
    """Active sets by the image of their template."""
    return {
        item["spec"]["template"]["spec"]["containers"][0]["image"]: item["spec"]["replicas"]
        for item in world.all(REPLICA_SETS)
        if item["spec"]["replicas"]
    }


def test_the_first_set() -> None:
    asked = deployment()
    asked["metadata"]["annotations"] = {
        "kubernetes.io/change-cause": "first",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    made, told = plan(asked, [])
    assert isinstance(made, Create)
    digest = revisions.template_hash(asked["spec"]["template"])
    assert made.obj["metadata"]["name"] == f"web-{digest}"
    assert made.obj["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": digest}}
    assert made.obj["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
    assert made.obj["spec"]["replicas"] == 3
    assert made.obj["metadata"]["annotations"] == {
        "kubernetes.io/change-cause": "first",
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    assert told == Happening(
        asked, "Normal", "ScalingReplicaSet", f"Scaled up replica set web-{digest} from 0 to 3"
    )
    assert plan(going(asked), []) == []


def test_the_hash_is_the_templates_and_changes_with_collisions() -> None:
    one, two = template("one"), template("two")
    labelled = {**one, "metadata": {"labels": {"app": "web", "pod-template-hash": "x"}}}
    assert revisions.template_hash(one) == revisions.template_hash(labelled)
    assert (
        len({revisions.template_hash(one), revisions.template_hash(two), revisions.template_hash(one, 1)})
        == 3
    )


def test_a_rollout_ends_complete_with_the_words_that_kubectl_waits_for() -> None:
    world = rested()
    status = web(world)["status"]
    assert {
        key: status[key] for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    } == {
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
    }
    assert "unavailableReplicas" not in status
    progressing = meta.condition(web(world), "Progressing")
    available = meta.condition(web(world), "Available")
    assert progressing is not None
    assert available is not None
    assert (progressing["reason"], progressing["status"]) == ("NewReplicaSetAvailable", "True")
    (only,) = world.all(REPLICA_SETS)
    assert progressing["message"] == f'ReplicaSet "{only["metadata"]["name"]}" has successfully progressed.'
    assert available["message"] == "Deployment has minimum availability."


def test_an_update_and_the_way_back() -> None:
    world = rested()
    world.change_deployment(template=template("two"))
    world.settle()
    assert images(world) == {"two": 3}
    assert web(world)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    world.change_deployment(template=template("one"))
    world.settle()
    assert images(world) == {"one": 3}
    assert len(world.all(REPLICA_SETS)) == 2, "the old set is used again"
    back = revisions.current_set(web(world), world.all(REPLICA_SETS))
    assert back is not None
    assert back["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert back["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert web(world)["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_history_is_kept_up_to_its_limit() -> None:
    world = rested(revisionHistoryLimit=2)
    for number in range(6):
        world.change_deployment(template=template(f"v{number}"))
        world.settle()
    kept = sorted(revisions.revision(item) for item in world.all(REPLICA_SETS))
    assert kept == [5, 6, 7]


def test_recreate_waits_until_the_old_pods_are_gone() -> None:
    world = rested(strategy={"type": "Recreate"})
    world.change_deployment(template=template("two"))
    seen = set[str]()
    for _ in range(20):
        world.run_deployment()
        for item in world.all(REPLICA_SETS):
            world.run_replicaset(item)
        running = {pod["spec"]["containers"][0]["image"] for pod in world.all(PODS)}
        assert len(running) <= 1, "both versions at once"
        seen |= running
    assert seen == {"two"} or seen == {"one", "two"}
    world.settle()
    assert images(world) == {"two": 3}


def test_old_pods_that_still_end_hold_a_recreate_up() -> None:
    asked = deployment(strategy={"type": "Recreate"})
    assert plan(asked, [], old_pods=1) == []
    assert isinstance(plan(asked, [], old_pods=0)[0], Create)


def test_a_paused_deployment_is_scaled_but_not_rolled() -> None:
    world = rested()
    world.change_deployment(paused=True, template=template("two"))
    world.settle()
    assert images(world) == {"one": 3}
    found = meta.condition(web(world), "Progressing")
    assert found is not None
    assert (found["status"], found["reason"]) == ("Unknown", "DeploymentPaused")
    world.change_deployment(replicas=5)
    world.settle()
    assert images(world) == {"one": 5}
    world.change_deployment(paused=False)
    world.run_deployment()
    resumed = meta.condition(web(world), "Progressing")
    assert resumed is not None
    assert resumed["reason"] == "DeploymentResumed"
    world.settle()
    assert images(world) == {"two": 5}


def test_a_rollout_that_is_stuck_misses_its_deadline_and_may_still_end_well() -> None:
    world = rested()
    world.change_deployment(template=template("broken"))
    for _ in range(5):
        world.run_deployment()
        for item in world.all(REPLICA_SETS):
            world.run_replicaset(item)
    seconds = progress.seconds_to_deadline(web(world), web(world)["status"], world.now)
    assert seconds is not None
    world.now += timedelta(seconds=seconds + 1)
    world.run_deployment()
    found = meta.condition(web(world), "Progressing")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert progress.seconds_to_deadline(web(world), web(world)["status"], world.now) is None
    world.settle()
    ended = meta.condition(web(world), "Progressing")
    assert ended is not None
    assert ended["reason"] == "NewReplicaSetAvailable"


def test_a_rest_that_is_disturbed_is_not_a_new_rollout() -> None:
    world = rested()
    world.set_ready(world.all(PODS)[0], ready=False)
    for item in world.all(REPLICA_SETS):
        world.run_replicaset(item)
    world.run_deployment()
    found = meta.condition(web(world), "Progressing")
    assert found is not None
    assert found["reason"] == "NewReplicaSetAvailable"
    assert web(world)["status"]["unavailableReplicas"] == 1


def pods_available(world: World) -> int:
    found = (meta.condition(pod, "Ready") for pod in world.all(PODS))
    return sum(condition is not None and condition["status"] == "True" for condition in found)


@pytest.mark.parametrize(
    "strategy", [{"maxSurge": 1, "maxUnavailable": 0}, {"maxSurge": "30%", "maxUnavailable": "30%"}]
)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_random_histories_keep_availability_and_surge_and_converge(
    strategy: Json, seed: int, replicas: int
) -> None:
    chance = random.Random(seed)
    world = rested(replicas=replicas, strategy={"rollingUpdate": strategy})
    wanted = goal(web(world)["spec"])
    version = 0
    for _ in range(40):
        match chance.randrange(10):
            case 0:
                version += 1
                world.change_deployment(template=template(f"v{version % 4}"))
            case 1 | 2 | 3 if world.all(PODS):
                world.set_ready(chance.choice(world.all(PODS)), ready=chance.random() < 0.7)
            case 4 | 5 | 6:
                # What the Deployment sees of its sets is what they saw of their pods.
                for item in world.all(REPLICA_SETS):
                    world.run_replicaset(item)
                before = pods_available(world)
                world.run_deployment()
                asked = sum(item["spec"]["replicas"] for item in world.all(REPLICA_SETS))
                assert asked <= wanted.most
                for item in world.all(REPLICA_SETS):
                    world.run_replicaset(item)
                assert pods_available(world) >= min(before, wanted.fewest_available)
            case _:
                for item in world.all(REPLICA_SETS):
                    world.run_replicaset(item)
    world.settle()
    assert images(world) == {web(world)["spec"]["template"]["spec"]["containers"][0]["image"]: replicas}
    assert progress.is_complete(web(world), web(world)["status"])


@given(st.integers(0, 10_000))
def test_scaling_in_the_middle_of_rollouts_converges(seed: int) -> None:
    chance = random.Random(seed)
    world = rested(replicas=4)
    version = 0
    for _ in range(30):
        match chance.randrange(6):
            case 0:
                version += 1
                world.change_deployment(template=template(f"v{version}"))
            case 1:
                world.change_deployment(replicas=chance.randrange(9))
            case 2:
                world.change_deployment(paused=chance.random() < 0.3)
            case 3 if world.all(PODS):
                world.set_ready(chance.choice(world.all(PODS)), ready=True)
            case _:
                world.run_deployment()
                for item in world.all(REPLICA_SETS):
                    world.run_replicaset(item)
    world.change_deployment(paused=False)
    world.settle()
    replicas = web(world)["spec"]["replicas"]
    image = web(world)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert images(world) == ({image: replicas} if replicas else {})
