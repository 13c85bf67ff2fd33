# SPDX-License-Identifier: Apache-2.0
"""The life of pods on a joined node, as kubectl shows it: order, hooks, restarts, deadlines, ends."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.cluster import BUSYBOX, Cluster, condition, pod

pytestmark = pytest.mark.node

Json = dict[str, Any]
SHARED = {"volumes": [{"name": "shared", "emptyDir": {}}]}
MOUNT = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
# A process that ends at once when it is asked to.
POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; while :; do sleep 1; done"


def shell(name: str, script: str, **fields: Any) -> Json:
    return {"name": name, "image": BUSYBOX, "command": ["sh", "-c", script], **fields}


def resources(cpu: str, memory: str) -> Json:
    return {"limits": {"cpu": cpu, "memory": memory}, "requests": {"cpu": cpu, "memory": memory}}


def status(found: Json, name: str = "app", kind: str = "containerStatuses") -> Json:
    statuses = found.get("status", {}).get(kind) or ()
    return next((each for each in statuses if each["name"] == name), {})


def explained(cluster: Cluster, name: str) -> Json:
    """What `orlop explain pod` says of it."""
    root = ["--root", str(cluster.lab.paths.root)]
    words = ["explain", "pod", *root, "-n", cluster.current, "-o", "json", name]
    done = subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, check=True)
    told: Json = json.loads(done.stdout)
    return told


def state(found: Json, which: str, name: str = "app", kind: str = "containerStatuses") -> Json:
    return dict(status(found, name, kind).get("state", {}).get(which) or {})


def last(found: Json) -> Json:
    return dict(status(found).get("lastState", {}).get("terminated") or {})


@pytest.fixture(scope="module", autouse=True)
def _begun(cluster: Cluster) -> None:
    """All pods that the tests look at are begun together."""
    cluster.apply(
        pod(
            "inits",
            "cat /shared/order; sleep 100000",
            initContainers=[
                shell("one", "echo one >> /shared/order", **MOUNT),
                shell("two", "sleep 0.5; echo two >> /shared/order", **MOUNT),
            ],
            container=MOUNT,
            **SHARED,
        ),
        pod(
            "sidecars",
            "test -e /shared/up && sleep 0.5",
            restartPolicy="Never",
            initContainers=[
                shell(
                    "side",
                    f"sleep 0.5; touch /shared/up; {POLITE}",
                    restartPolicy="Always",
                    startupProbe={"exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1},
                    **MOUNT,
                )
            ],
            container=MOUNT,
            terminationGracePeriodSeconds=30,
            **SHARED,
        ),
        pod(
            "crash",
            "echo because > /dev/termination-log; exit 3",
            container={"terminationMessagePolicy": "File"},
        ),
        pod(
            "told-by-log",
            "echo the log says why; exit 4",
            restartPolicy="Never",
            container={"terminationMessagePolicy": "FallbackToLogsOnError"},
        ),
        pod("deadline", activeDeadlineSeconds=2),
        pod("gated", readinessGates=[{"conditionType": "example.com/lb"}]),
        pod("no-entry", container={"command": ["/no/such/program"]}),
        pod("no-image", container={"image": "registry.invalid/none:1"}),
        pod(
            "hooked",
            POLITE,
            container={"lifecycle": {"postStart": {"exec": {"command": ["touch", "/tmp/hook"]}}}},
        ),
        pod(
            "bad-hook",
            POLITE,
            container={"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "echo no; exit 7"]}}}},
        ),
        pod("deaf", DEAF, terminationGracePeriodSeconds=600),
        pod("sized", container={"resources": resources("100m", "64Mi")}),
    )


def test_init_containers_run_one_after_the_other_before_the_app(cluster: Cluster) -> None:
    found = cluster.await_ready("inits")
    assert cluster.run("logs", "inits", "-c", "app") == "one\ntwo\n"
    ended = [state(found, "terminated", name, "initContainerStatuses") for name in ("one", "two")]
    assert [each["reason"] for each in ended] == ["Completed", "Completed"]
    assert ended[0]["finishedAt"] <= ended[1]["startedAt"]
    assert condition(found, "Initialized") == "True"


def test_a_sidecar_starts_before_the_app_and_ends_after_it(cluster: Cluster) -> None:
    found = cluster.await_pod("sidecars", lambda one: one["status"].get("phase") == "Succeeded")
    app, side = state(found, "terminated"), state(found, "terminated", "side", "initContainerStatuses")
    assert (app["exitCode"], side["exitCode"]) == (0, 0)
    assert side["startedAt"] <= app["startedAt"]
    assert app["finishedAt"] <= side["finishedAt"]


def test_a_crash_is_told_with_its_message_and_backed_off(cluster: Cluster) -> None:
    found = cluster.await_pod(
        "crash", lambda one: state(one, "waiting").get("reason") == "CrashLoopBackOff" and bool(last(one))
    )
    assert status(found)["restartCount"] >= 1
    assert (last(found)["exitCode"], last(found)["reason"], last(found)["message"]) == (
        3,
        "Error",
        "because\n",
    )
    cluster.await_event("crash", "BackOff", "Back-off restarting failed container app in pod crash_")


def test_the_log_says_why_where_the_policy_asks_for_it(cluster: Cluster) -> None:
    found = cluster.await_pod("told-by-log", lambda one: one["status"].get("phase") == "Failed")
    ended = state(found, "terminated")
    assert (ended["exitCode"], ended["message"]) == (4, "the log says why\n")


def test_a_deadline_ends_a_pod(cluster: Cluster) -> None:
    found = cluster.await_pod(
        "deadline", lambda one: one["status"].get("phase") == "Failed" and bool(state(one, "terminated"))
    )
    assert found["status"]["reason"] == "DeadlineExceeded"
    assert condition(found, "Ready") == "False"


def test_a_readiness_gate_holds_ready_back_until_its_condition_is_true(cluster: Cluster) -> None:
    found = cluster.await_pod("gated", lambda one: condition(one, "ContainersReady") == "True")
    ready = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    gate = {"status": {"conditions": [{"type": "example.com/lb", "status": "True"}]}}
    cluster.run("patch", "pod", "gated", "--subresource=status", "-p", json.dumps(gate))
    after = cluster.await_ready("gated")
    assert condition(after, "example.com/lb") == "True"


def test_an_entrypoint_that_is_missing_is_told_in_the_runtimes_words(cluster: Cluster) -> None:
    def told(one: Json) -> bool:
        text = json.dumps(one.get("status", {}).get("containerStatuses", ""))
        return "/no/such/program" in text

    found = cluster.await_pod("no-entry", told)
    assert found["status"]["phase"] in ("Pending", "Running")
    cluster.await_event("no-entry", "Failed", "/no/such/program")


def test_a_pod_that_waits_for_its_image_is_explained_and_goes_at_once(cluster: Cluster) -> None:
    found = cluster.await_pod(
        "no-image", lambda one: state(one, "waiting").get("reason") in ("ErrImagePull", "ImagePullBackOff")
    )
    assert "registry.invalid" in state(found, "waiting")["message"]
    cluster.await_event("no-image", "Failed", "registry.invalid")
    told = explained(cluster, "no-image")
    (wait,) = told["waits"]
    assert (wait["what"], wait["reason"] in ("ErrImagePull", "ImagePullBackOff")) == ("container app", True)
    assert "until" in wait
    assert [e["phase"] for e in told["timeline"] if e["target"] == "app" and e["error"]] != []
    cluster.delete("no-image")


def test_hooks_run_and_a_failed_one_ends_its_container(cluster: Cluster) -> None:
    cluster.await_ready("hooked")
    assert cluster.exec("hooked", "ls", "/tmp/hook").strip() == "/tmp/hook"
    cluster.await_event("bad-hook", "FailedPostStartHook", "no")
    cluster.await_pod("bad-hook", lambda one: status(one).get("restartCount", 0) >= 1)


def test_a_shorter_grace_period_ends_a_deaf_process_early(cluster: Cluster) -> None:
    cluster.await_ready("deaf")
    cluster.run("delete", "pod", "deaf", "--wait=false")
    cluster.await_event("deaf", "Killing")
    cluster.delete("deaf", "--grace-period=1")


def test_an_ephemeral_container_sees_the_processes_of_its_target(cluster: Cluster) -> None:
    cluster.await_ready("hooked")
    words = ("--image", BUSYBOX, "--target=app", "--container=spy", "--", "sh", "-c", "ps; sleep 1000")
    cluster.run("debug", "hooked", "--quiet", "--attach=false", *words)
    cluster.await_pod("hooked", lambda one: bool(state(one, "running", "spy", "ephemeralContainerStatuses")))
    cluster.until(
        lambda: "sleep 0.1" in cluster.run("logs", "hooked", "-c", "spy"),
        lambda: cluster.run("logs", "hooked", "-c", "spy"),
    )
    assert condition(cluster.pod("hooked"), "Ready") == "True"


def test_resources_change_in_place(cluster: Cluster) -> None:
    before = cluster.await_ready("sized")
    resize(cluster, "sized", resources("200m", "128Mi"))
    found = cluster.await_pod(
        "sized", lambda one: status(one).get("resources", {}).get("limits", {}).get("memory") == "128Mi"
    )
    files = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max"
    assert cluster.exec("sized", "sh", "-c", files).strip() == str(128 << 20)
    assert status(found)["containerID"] == status(before)["containerID"]
    assert (status(found)["restartCount"], condition(found, "PodResizeInProgress")) == (0, "")


def test_a_resize_that_the_node_can_never_give_is_pending(cluster: Cluster) -> None:
    cluster.await_ready("sized")
    resize(cluster, "sized", resources("200m", "100Ti"))
    found = cluster.await_pod("sized", lambda one: condition(one, "PodResizePending") == "True")
    pending = next(one for one in found["status"]["conditions"] if one["type"] == "PodResizePending")
    assert pending["reason"] == "Infeasible"
    assert "memory, requested: 100Ti" in pending["message"]
    assert condition(found, "Ready") == "True"


def resize(cluster: Cluster, name: str, wanted: Json) -> None:
    patch = {"spec": {"containers": [{"name": "app", "resources": wanted}]}}
    cluster.run("patch", "pod", name, "--subresource=resize", "-p", json.dumps(patch))


def test_another_image_restarts_the_container_and_nothing_else(cluster: Cluster) -> None:
    before = cluster.await_ready("inits")
    same = "local/busybox:1"  # the same image by another name
    cluster.run("set", "image", "pod/inits", f"app={same}")
    found = cluster.await_pod(
        "inits", lambda one: status(one).get("restartCount") == 1 and condition(one, "Ready") == "True"
    )
    cluster.await_event("inits", "Killing", "Container app definition changed, will be restarted")
    assert status(found)["image"] == same
    ends = [state(one, "terminated", "one", "initContainerStatuses") for one in (before, found)]
    assert ends[0] == ends[1]
