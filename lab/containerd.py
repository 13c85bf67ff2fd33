# SPDX-License-Identifier: Apache-2.0
"""containerd's configuration for a node (pure): version 2 for containerd 1.6 and 1.7, version 3 for 2.x.

Sources: containerd's docs/cri/config.md and docs/man/containerd-config.toml.5.md of the releases 1.6, 1.7 and 2.1,
and what `containerd config default` of each prints.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.model import LabSpec, NodePaths

PAUSE_IMAGE = "docker.io/local/pause:1"
CAP_SYS_RESOURCE = 24
"""linux/capability.h"""

Value = str | int | bool | list[str]
Tables = Mapping[str, Mapping[str, Value]]

# What a node of ours never uses. `opt` and `nri` would make folders in the host's /opt, /etc and /run, `restart` and
# the tracers run for nothing; the snapshotters look for file systems that are not theirs. Memory and start time are
# the same with and without (38 MiB, 10 ms). Needless they look, but CRI does not load without them:
# runtime.v1.linux on 1.6, image-verifier.v1.bindir on 2.1.
_NEEDLESS = (
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.nri.v1.nri",
    "io.containerd.monitor.container.v1.restart",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.erofs",
    "io.containerd.snapshotter.v1.zfs",
)


@dataclass(frozen=True, slots=True)
class ContainerdSetup:
    """What the configuration depends on, besides the node's paths.

    restrict_oom_score_adj: containerd may not lower oom_score_adj (no CAP_SYS_RESOURCE), so it must not try.
    """

    version: tuple[int, int, int]
    shim: Path
    runc: Path
    snapshotter: str
    restrict_oom_score_adj: bool


def may_lower_oom_score(status: str) -> bool:
    """Whether the process of this /proc/PID/status has CAP_SYS_RESOURCE (proc(5), capabilities(7))."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)
    return False


def render(paths: NodePaths, setup: ContainerdSetup) -> str:
    """config.toml for the node."""
    if setup.version < (1, 6, 0):
        found = ".".join(map(str, setup.version))
        raise LabError(f"cannot use containerd {found}: 1.6, 1.7 and 2.x are supported")
    new = setup.version >= (2, 0, 0)
    top: dict[str, Value] = {
        "version": 3 if new else 2,
        "root": str(paths.containerd_root),
        "state": str(paths.containerd_state),
        "disabled_plugins": _disabled(setup),
    }
    return _toml(
        {"": top, "grpc": {"address": str(paths.containerd_socket)}, "debug": {"level": "info"}}
    ) + _toml(_version_3(paths, setup) if new else _version_2(paths, setup))


def _disabled(setup: ContainerdSetup) -> list[str]:
    unused = {"overlayfs", "native"} - {setup.snapshotter}
    return sorted([*_NEEDLESS, *(f"io.containerd.snapshotter.v1.{name}" for name in unused)])


def _version_2(paths: NodePaths, setup: ContainerdSetup) -> Tables:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return {
        cri: {**_common(setup), **_streaming(), "sandbox_image": PAUSE_IMAGE},
        f"{cri}.cni": {**_cni(paths), "bin_dir": str(paths.cni_bin)},
        f"{cri}.containerd": {"default_runtime_name": "runc", "snapshotter": setup.snapshotter},
        **_runtime(f"{cri}.containerd", paths, setup),
        f"{cri}.registry": {"config_path": str(paths.registry_hosts)},
    }


def _version_3(paths: NodePaths, setup: ContainerdSetup) -> Tables:
    images, runtime = 'plugins."io.containerd.cri.v1.images"', 'plugins."io.containerd.cri.v1.runtime"'
    # 2.1 replaced bin_dir with a list.
    plugins: dict[str, Value] = (
        {"bin_dirs": [str(paths.cni_bin)]} if setup.version >= (2, 1, 0) else {"bin_dir": str(paths.cni_bin)}
    )
    return {
        images: {"snapshotter": setup.snapshotter},
        f"{images}.pinned_images": {"sandbox": PAUSE_IMAGE},
        f"{images}.registry": {"config_path": str(paths.registry_hosts)},
        runtime: _common(setup),
        f"{runtime}.cni": {**_cni(paths), **plugins, "use_internal_loopback": True},
        f"{runtime}.containerd": {"default_runtime_name": "runc"},
        **_runtime(f"{runtime}.containerd", paths, setup),
        'plugins."io.containerd.grpc.v1.cri"': _streaming(),
    }


def _common(setup: ContainerdSetup) -> dict[str, Value]:
    # Low ports and ping without privileges: 2.x's default, so that the same pod works on every version.
    return {
        "restrict_oom_score_adj": setup.restrict_oom_score_adj,
        "netns_mounts_under_state_dir": True,
        "enable_unprivileged_ports": True,
        "enable_unprivileged_icmp": True,
    }


def _streaming() -> dict[str, Value]:
    return {"stream_server_address": "127.0.0.1", "stream_server_port": "0"}


def _cni(paths: NodePaths) -> dict[str, Value]:
    return {"conf_dir": str(paths.cni_conf), "max_conf_num": 1}


def _runtime(prefix: str, paths: NodePaths, setup: ContainerdSetup) -> Tables:
    runc = f"{prefix}.runtimes.runc"
    return {
        runc: {"runtime_type": "io.containerd.runc.v2", "runtime_path": str(setup.shim)},
        # runc keeps its state in a folder of the host unless told otherwise.
        f"{runc}.options": {
            "BinaryName": str(setup.runc),
            "Root": str(paths.containerd_state / "runc"),
            "SystemdCgroup": False,
        },
    }


def _toml(tables: Tables) -> str:
    lines = []
    for name, values in tables.items():
        if name:
            lines.append(f"\n[{name}]")
        # TOML's basic strings, numbers, booleans and arrays of strings are JSON's (toml.io, v1.0.0).
        lines.extend(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    return "\n".join(lines) + "\n"


def setup_for(
    spec: LabSpec, version: tuple[int, int, int], shim: Path, runc: Path, status: str
) -> ContainerdSetup:
    """The setup of a lab's nodes. status: the text of /proc/self/status, for the capabilities."""
    return ContainerdSetup(version, shim, runc, spec.snapshotter, not may_lower_oom_score(status))
