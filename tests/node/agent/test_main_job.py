# SPDX-License-Identifier: Apache-2.0
"""The main job: a manifest becomes a pod with a network and limits that hold; and it goes without a trace."""

import json

import pytest

from tests.support.node import Node, manifest

pytestmark = pytest.mark.node

SERVER = "mkdir -p /www && echo served > /www/index.html && exec httpd -f -p 8080 -h /www"
SLEEP = "exec sleep 3600"


def test_one_pod_fetches_a_page_from_another_through_the_bridge(node: Node) -> None:
    node.put("web.yaml", manifest("web", SERVER))
    node.put("client.yaml", manifest("client", SLEEP))
    node.await_status("client", "Running")
    ip = node.await_status("web", "Running")["status"]["podIP"]
    fetched = node.exec("client", "timeout", "5", "wget", "-q", "-O", "-", f"http://{ip}:8080/")
    assert fetched.stdout == b"served\n", fetched.stderr
    node.take("web.yaml")
    node.take("client.yaml")


def test_the_kernel_holds_the_limits_of_the_manifest(node: Node) -> None:
    resources = "resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}"
    node.put("held.yaml", manifest("held", SLEEP, container=resources))
    node.await_status("held", "Running")
    limits = node.cgroup("held").limits
    assert limits.memory_max == 64 << 20
    assert (limits.cpu_quota_us, limits.cpu_shares) == (20_000, 102)
    assert "/kubepods/burstable/pod-default-held-" in node.overview("held")["cgroup"]
    node.take("held.yaml")


def test_environment_arguments_and_logs(node: Node) -> None:
    container = "env: [{name: WHO, value: world}, {name: TEXT, value: hello $(WHO)}]"
    node.put("say.yaml", manifest("say", "echo $TEXT; echo oops >&2; exec sleep 3600", container=container))
    node.await_status("say", "Running")
    node.until(lambda: b"oops" in node.orlop("logs", "say").stderr, lambda: "no log")
    said = node.orlop("logs", "say")
    assert (said.stdout, said.stderr) == (b"hello world\n", b"oops\n")
    assert list((node.paths.logs / "containers").glob("say_default_app-*.log"))
    node.take("say.yaml")


def test_a_pod_goes_without_a_trace_when_its_manifest_goes(node: Node) -> None:
    node.put("brief.yaml", manifest("brief", SLEEP))
    node.await_status("brief", "Running")
    cgroup = node.cgroup("brief")
    assert all(folder.is_dir() for folder in cgroup.folders)
    node.take("brief.yaml")
    node.await_gone("brief")
    assert not any(folder.exists() for folder in cgroup.folders)
    assert not [a for a in node.addresses() if a.pod_name == "brief"]
    assert not list(node.paths.pod_logs.glob("default_brief_*"))
    assert not list((node.paths.logs / "containers").glob("brief_*"))


def test_a_changed_manifest_is_a_new_pod_and_a_reformatted_one_is_not(node: Node) -> None:
    text = manifest("edit", SLEEP)
    node.put("edit.yaml", text)
    first = node.await_status("edit", "Running")
    node.put("edit.yaml", "# a comment\n" + text)
    node.put("other.yaml", manifest("other", SLEEP))
    node.await_status("other", "Running")
    assert node.pods()["edit"]["metadata"]["uid"] == first["metadata"]["uid"]
    node.put("edit.yaml", manifest("edit", "exec sleep 7200"))
    node.until(
        lambda: node.pods()["edit"]["metadata"]["uid"] != first["metadata"]["uid"],
        lambda: "uid did not change",
    )
    second = node.await_status("edit", "Running")
    before, after = (p["status"]["containerStatuses"][0]["containerID"] for p in (first, second))
    assert before != after
    assert len([a for a in node.addresses() if a.pod_name == "edit"]) == 1
    node.take("edit.yaml")
    node.take("other.yaml")


def test_several_containers_share_the_network_and_start_in_order(node: Node) -> None:
    text = manifest("pair", SERVER) + (
        "    - name: peer\n      image: docker.io/local/busybox:1\n      command: [sleep, '3600']\n"
    )
    node.put("pair.yaml", text)
    node.await_status("pair", "Running")
    fetched = node.orlop("exec", "-c", "peer", "pair", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
    assert fetched.stdout == b"served\n", fetched.stderr
    starts = [e["target"] for e in node.overview("pair")["timeline"] if e["phase"] == "StartContainer"]
    assert starts == ["app", "peer"]
    node.take("pair.yaml")


def test_exec_gives_exit_code_output_and_input(node: Node) -> None:
    node.put("shell.yaml", manifest("shell", SLEEP))
    node.await_status("shell", "Running")
    done = node.exec("shell", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.returncode, done.stdout, done.stderr) == (42, b"out\n", b"err\n")
    echoed = node.exec("shell", "head", "-n", "1", stdin=b"from outside\n")
    assert (echoed.returncode, echoed.stdout) == (0, b"from outside\n")
    missing = node.exec("shell", "no-such-program")
    assert missing.returncode != 0
    assert b"no-such-program" in missing.stderr
    absent = node.exec("nobody", "true")
    assert absent.returncode == 1
    assert b"there is no pod default/nobody here" in absent.stderr
    node.take("shell.yaml")


def test_status_prints_a_table_and_data(node: Node) -> None:
    resources = "resources: {limits: {cpu: 200m, memory: 64Mi}}"
    node.put("shown.yaml", manifest("shown", SLEEP, container=resources))
    pod = node.await_status("shown", "Running")
    row = next(line for line in node.orlop("status").stdout.decode().splitlines() if " shown " in line)
    words = row.split()
    assert words[:4] == ["default", "shown", "1/1", "Running"]
    assert pod["status"]["podIP"] in words
    assert "200m" in words
    assert row.endswith("of 64Mi")
    data = json.loads(node.orlop("status", "-o", "json").stdout)
    assert data["nodes"][0]["name"] == "node1"
    node.take("shown.yaml")
