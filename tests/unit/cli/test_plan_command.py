# SPDX-License-Identifier: Apache-2.0
"""`orlop plan -f FILE`: everything that a node would do for a manifest, and nothing is done."""

import json
from pathlib import Path

from click.testing import CliRunner

from cli.plan import command

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  volumes:
  - {name: data, emptyDir: {}}
  - {name: settings, configMap: {name: settings}}
  initContainers:
  - {name: first, image: docker.io/local/busybox:1, command: [sh, -c, "true"]}
  containers:
  - name: app
    image: docker.io/local/busybox:1
    args: [--greet, $(WHO)]
    env: [{name: WHO, value: world}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    resources: {limits: {cpu: 200m, memory: 64Mi}}
    volumeMounts: [{name: data, mountPath: /data}, {name: settings, mountPath: /settings, readOnly: true}]
"""


def test_everything_is_told(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(MANIFEST)
    done = CliRunner().invoke(command, ["-f", str(tmp_path / "web.yaml"), "-o", "json"])
    assert done.exit_code == 0, done.output
    (plan,) = json.loads(done.output)
    first, app = plan["containers"]
    assert (plan["pod"], plan["qosClass"], first["kind"]) == ("default/web", "Burstable", "init")
    assert app["command"] == ["--greet", "world"]
    assert app["environment"]["IP"] == "(its address)"
    assert app["limits"] | {"oom_score_adj": 0} == {
        "cpu.shares": 204, "cpu.cfs_quota_us": 20_000, "memory.limit_in_bytes": 64 << 20, "oom_score_adj": 0,
    }  # fmt: skip
    assert app["mounts"] == ["/data <- volume data", "/settings <- volume settings (read-only)"]
    assert plan["cgroup"]["path"].startswith("/kubepods/burstable/pod-default-web-")
    assert any("10.244.1." in line for line in plan["links"])
    assert any(line.startswith("volume settings:") for line in plan["volumes"])
    assert plan["steps"][0].startswith("create cgroup /kubepods/burstable/pod-default-web-")
    assert any(step.startswith("start init container first") for step in plan["steps"])


def test_people_get_it_as_text_from_standard_input() -> None:
    done = CliRunner().invoke(command, ["-f", "-"], input=MANIFEST)
    assert done.exit_code == 0, done.output
    assert "pod default/web (Burstable)" in done.output
    assert "    env WHO=world" in done.output
    assert "  steps\n    1. create cgroup" in done.output


def test_what_the_node_does_not_honour_is_named() -> None:
    refused = MANIFEST.replace("spec:", "spec:\n  hostUsers: false", 1)
    done = CliRunner().invoke(command, ["-f", "-"], input=refused)
    assert done.exit_code == 1
    assert "stdin.yaml:6: spec.hostUsers: false is not supported by this version of the node" in done.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["-f", str(tmp_path / "none.yaml")])
    assert (done.exit_code, "none.yaml" in done.output) == (1, True)
