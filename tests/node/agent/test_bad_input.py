# SPDX-License-Identifier: Apache-2.0
"""Bad input in the folder: told with file, line, field and what is accepted, and nobody else notices."""

import pytest

from tests.support.node import BUSYBOX, Node, manifest, running_node

pytestmark = pytest.mark.node

SLEEP = "exec sleep 3600"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n"
POD = f"""apiVersion: v1
kind: Pod
metadata: {{name: bad}}
spec:
  containers:
    - name: app
      image: {BUSYBOX}
"""

# file content -> words that the problem must have; the first is the place
ROWS = {
    "broken YAML": ("a: [1,\nb: }", ("bad.yaml:2",)),
    "unknown field": (POD.replace("image:", "imagee:"), ("bad.yaml:7", "imagee", "image")),
    "a Deployment": (DEPLOYMENT, ("bad.yaml:2", "Deployment", "Pod")),
    "malformed quantity": (
        POD + "      resources: {limits: {memory: 12 megs}}\n",
        ("bad.yaml:8", "spec.containers[0].resources.limits", "12 megs"),
    ),
    "unsupported field": (POD + "  hostUsers: false\n", ("bad.yaml:8", "spec.hostUsers", "not supported")),
    "no containers": (POD.split("  containers")[0] + "  containers: []\n", ("spec.containers",)),
}


@pytest.mark.parametrize("row", ROWS)
def test_problem_names_the_place_and_others_are_unharmed(node: Node, row: str) -> None:
    text, words = ROWS[row]
    node.put("good.yaml", manifest("good", SLEEP))
    before = node.await_status("good", "Running")
    node.put("bad.yaml", text)
    node.until(
        lambda: any("bad.yaml" in p for p in node.problems()), lambda: f"no problem told: {node.problems()}"
    )
    told = "\n".join(node.problems())
    assert all(word in told for word in words), told
    assert words[0] in node.orlop("status").stdout.decode()
    node.take("bad.yaml")
    node.until(lambda: not node.problems(), lambda: f"still: {node.problems()}")
    after = node.await_status("good", "Running")
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    node.take("good.yaml")
    node.await_gone("good")


def test_two_pods_of_one_name(node: Node) -> None:
    node.put("a.yaml", manifest("twin", SLEEP))
    first = node.await_status("twin", "Running")
    node.put("b.yaml", manifest("twin", "exec sleep 1"))
    node.until(lambda: bool(node.problems()), lambda: "no problem told")
    told = "\n".join(node.problems())
    assert "b.yaml" in told
    assert "a.yaml" in told
    assert node.pods()["twin"]["metadata"]["uid"] == first["metadata"]["uid"]
    node.take("a.yaml")
    node.take("b.yaml")


def test_an_unknown_image_is_told_with_the_answer(node: Node) -> None:
    node.put("noimage.yaml", manifest("noimage", SLEEP).replace(BUSYBOX, "docker.io/local/absent:1"))
    node.put("fine.yaml", manifest("fine", SLEEP))
    pod = node.await_status("noimage", "ErrImagePull", "ImagePullBackOff")
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert "docker.io/local/absent:1" in message
    node.await_status("fine", "Running")
    node.take("noimage.yaml")
    node.take("fine.yaml")
    node.await_gone("noimage")


def test_a_missing_program_is_told_by_the_runtime(node: Node) -> None:
    node.put("noprog.yaml", manifest("noprog", SLEEP).replace("[sh, -c,", "[/no/such/program,"))
    node.until(lambda: "/no/such/program" in node.describe("noprog"), lambda: node.describe("noprog"))
    node.take("noprog.yaml")
    node.await_gone("noprog")


def test_a_typo_never_ends_a_running_pod_even_over_a_restart_of_the_agent(node: Node) -> None:
    node.put("typo.yaml", manifest("typo", SLEEP))
    before = node.await_status("typo", "Running")["status"]["containerStatuses"][0]["containerID"]
    node.put("typo.yaml", manifest("typo", SLEEP) + "  oops: [\n")
    node.until(lambda: bool(node.problems()), lambda: "no problem told")
    assert node.status("typo") == "Running"
    dead = node.kill("node")
    node.until(
        lambda: node.lab.status().nodes[0].node.pid not in (None, dead), lambda: "the node is not restarted"
    )
    node.await_up()
    node.put("probe.yaml", manifest("probe", SLEEP))
    node.await_status("probe", "Running")
    assert node.agent()["pods"].get("default/typo") is None
    node.put("typo.yaml", manifest("typo", SLEEP))
    after = node.await_status("typo", "Running")["status"]["containerStatuses"][0]
    assert after["containerID"] == before
    assert after["restartCount"] == 0
    node.take("typo.yaml")
    node.take("probe.yaml")


def test_a_full_pool_is_told_and_a_freed_address_is_taken() -> None:
    """A /29 has room for the gateway and five pods."""
    with running_node(pod_cidr="10.244.1.0/29") as small:
        for number in range(6):
            small.put(f"p{number}.yaml", manifest(f"p{number}", SLEEP))
        small.until(
            lambda: (
                sorted(small.status(f"p{n}") for n in range(6)).count("Running") == 5
                and any(small.status(f"p{n}") == "FailedCreatePodSandBox" for n in range(6))
            ),
            lambda: str({n: small.describe(f"p{n}") for n in range(6)}),
        )
        waiting = next(f"p{n}" for n in range(6) if small.status(f"p{n}") != "Running")
        assert "address pool 10.244.1.0/29 is full" in small.describe(waiting)
        small.take("p0.yaml" if waiting != "p0" else "p1.yaml")
        small.await_status(waiting, "Running")
