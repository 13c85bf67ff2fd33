# SPDX-License-Identifier: Apache-2.0
"""Memory of `orlop node` at rest: resident, and what it alone would give back (proportional), with 0 and 10 pods."""

import os
import tempfile
from pathlib import Path

from cli.client import get
from cli.labimages import load_images
from cli.progress import wait_until
from lab import Lab, LabSpec, NodePaths
from tests.bench.model import Row
from tests.bench.pod_start import MANIFEST

PODS = 10
BUDGET_MIB = 100


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="ol-bench-", dir="/var/tmp") as folder:
        lab = Lab(LabSpec(name=f"m{os.getpid()}", root=Path(folder) / "lab", controlplane=False))
        try:
            lab.up()
            load_images(lab)
            node = lab.paths.node("node1")
            pid = lab.status().nodes[0].node.pid
            assert pid is not None
            empty = resident_mib(pid)
            _run_pods(node)
            return [
                Row("`orlop node` RSS at rest, no pods", "MiB", empty, None, "", None),
                Row(
                    f"`orlop node` RSS at rest, {PODS} pods",
                    "MiB",
                    resident_mib(pid),
                    None,
                    f"{BUDGET_MIB} MiB",
                    resident_mib(pid) <= BUDGET_MIB,
                ),
            ]
        finally:
            lab.down()


def _run_pods(node: NodePaths) -> None:
    for number in range(PODS):
        (node.manifests / f"p{number}.yaml").write_text(MANIFEST.format(name=f"p{number}"))
    if not wait_until(lambda: _running(node) == PODS, seconds=120):
        raise RuntimeError(f"only {_running(node)} of {PODS} pods run")


def _running(node: NodePaths) -> int:
    pods = get(node.agent_socket, "/pods")["items"]
    return sum(pod["status"]["phase"] == "Running" for pod in pods)


def resident_mib(pid: int) -> float:
    """VmRSS of the process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kib / 1024
