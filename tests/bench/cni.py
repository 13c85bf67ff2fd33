# SPDX-License-Identifier: Apache-2.0
"""CNI ADD and DEL: our plugin, shim included, beside the reference bridge + host-local, in turn, both masquerading.

Each plugin has a node namespace of its own with a bridge, and a pod namespace; a round is ADD, DEL of the one and then
of the other, timed from the start of the executable to its end, as a runtime sees it. Nothing leaves the namespaces.
"""

import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from netplugin.config import Settings, plugin_section
from netplugin.install import install
from tests.bench.model import Row, percentile
from tests.support.netdaemon import daemon
from tests.support.netns import Namespace, namespace

ROUNDS = 60
REFERENCE = Path("/usr/lib/cni")
FULL_NODE = 250


@dataclass(slots=True)
class Plugin:
    """An executable with its config and namespaces, and the milliseconds that its calls took."""

    program: Path
    path: Path
    config: dict[str, object]
    node: Namespace
    pod: Namespace
    lockfile: Path
    times: dict[str, list[float]] = field(default_factory=lambda: {"ADD": [], "DEL": []})

    def round(self, container: str) -> None:
        """ADD and DEL of one container, timed."""
        for verb in ("ADD", "DEL"):
            self.times[verb].append(self.call(verb, container))

    def call(self, verb: str, container: str) -> float:
        """Milliseconds of one call, which must succeed; run from a thread inside the node's namespace."""
        environ = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": self.pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(self.path),
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME={container}",
            "PATH": os.environ["PATH"],
            "XTABLES_LOCKFILE": str(self.lockfile),
        }
        return run_timed(self.program, environ, json.dumps(self.config).encode())


def run() -> list[Row]:
    """ADD and DEL at p50 and p99, and ADD on a full node against ADD on an empty one."""
    missing = [name for name in ("bridge", "host-local") if not (REFERENCE / name).exists()]
    if missing:
        sys.exit(f"cannot compare: {REFERENCE / missing[0]} is missing; install containernetworking-plugins")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orlop-bench-")))
        ours, reference = _make_ours(stack, folder / "ours"), _make_reference(stack, folder)
        full = _make_ours(stack, folder / "full")
        _take_turns((ours, reference))
        rows = [_row(verb, share, ours, reference) for verb in ("ADD", "DEL") for share in (0.5, 0.99)]
        for number in range(FULL_NODE):
            other = replace(full, pod=stack.enter_context(namespace("bo")))
            other.node.call(partial(other.call, "ADD", f"stay{number}"))
        _take_turns((ours, full))
        return [*rows, _full_row(full, ours)]


def _take_turns(plugins: tuple[Plugin, Plugin]) -> None:
    """A round of the one, a round of the other; the first of each does not count."""
    for number in range(ROUNDS + 1):
        for plugin in plugins:
            if number == 1:
                plugin.times = {"ADD": [], "DEL": []}
            plugin.node.call(partial(plugin.round, f"pod{number}"))


def _make_ours(stack: ExitStack, folder: Path) -> Plugin:
    node, pod = stack.enter_context(namespace("bn")), stack.enter_context(namespace("bp"))
    settings = Settings(
        pod_cidrs=("10.244.0.0/22",),
        non_masquerade_cidrs=("10.96.0.0/16",),
        state_dir=folder / "state",
        socket=folder / "netd.sock",
        cni_bin_dir=folder / "bin",
        cni_conf_dir=folder / "conf",
    )
    install(settings)
    stack.enter_context(daemon(node, settings))
    config = {"cniVersion": "1.0.0", "name": "orlop", **plugin_section(settings)}
    return Plugin(settings.cni_bin_dir / "orlop", settings.cni_bin_dir, config, node, pod, folder / "xlock")


def _make_reference(stack: ExitStack, folder: Path) -> Plugin:
    node, pod = stack.enter_context(namespace("rn")), stack.enter_context(namespace("rp"))
    config: dict[str, object] = {
        "cniVersion": "1.0.0",
        "name": "reference",
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "reference"),
            "ranges": [[{"subnet": "10.244.0.0/22"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return Plugin(REFERENCE / "bridge", REFERENCE, config, node, pod, folder / "xlock")


def _row(verb: str, share: float, ours: Plugin, reference: Plugin) -> Row:
    our, theirs = percentile(ours.times[verb], share), percentile(reference.times[verb], share)
    label = f"CNI {verb} p{share * 100:.0f}"
    if share != 0.5:
        return Row(label, "ms", our, theirs, "", None)
    return Row(
        label, "ms", our, theirs, "not slower", our <= theirs, "reference: bridge + host-local, ipMasq"
    )


def _full_row(full: Plugin, empty: Plugin) -> Row:
    """Other pods' addresses and links must not make an ADD slower; our own empty node is the reference."""
    many, few = percentile(full.times["ADD"], 0.5), percentile(empty.times["ADD"], 0.5)
    return Row(f"CNI ADD p50, {FULL_NODE} pods / none", "ms", many, few, "at most 1.2", many <= 1.2 * few)


def run_timed(program: Path, environ: dict[str, str], stdin: bytes) -> float:
    """Milliseconds from start to end of a program that must succeed."""
    read, write = os.pipe()
    os.write(write, stdin)
    os.close(write)
    output, output_end = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, read, 0), (os.POSIX_SPAWN_DUP2, output_end, 1)]
    started = time.perf_counter()
    process = os.posix_spawn(str(program), [str(program)], environ, file_actions=actions)
    _, status = os.waitpid(process, 0)
    elapsed = (time.perf_counter() - started) * 1000
    os.close(read)
    os.close(output_end)
    printed = os.read(output, 65536)
    os.close(output)
    if status:
        raise RuntimeError(f"{program} {environ['CNI_COMMAND']} failed: {printed.decode()}")
    return elapsed


if __name__ == "__main__":
    for row in run():
        print(f"{row.name:42} {row.ours:7.1f} {row.reference or 0:7.1f} ms  ratio {row.ratio or 0:.2f}")
