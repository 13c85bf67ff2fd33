# SPDX-License-Identifier: Apache-2.0
"""Tell the CNI plugins which attachments are in use (verb GC of CNI 1.1), which the runtime never does.

An address whose pod is gone without a DEL (the runtime was killed in the middle of one) comes back this way.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.run import run_plugin

INTERFACE = "eth0"
GC_VERSION = "1.1.0"


async def collect_garbage(cni_bin: Path, cni_conf: Path, sandbox_ids: Iterable[str]) -> None:
    """Run GC of every plugin of the node's network, with the sandboxes that the runtime knows."""
    conflist = read_conflist(cni_conf)
    valid = [{"containerID": sandbox_id, "ifname": INTERFACE} for sandbox_id in sandbox_ids]
    for plugin in conflist["plugins"]:
        if not await _knows_gc(cni_bin / plugin["type"]):
            continue
        config = {
            **plugin,
            "cniVersion": GC_VERSION,
            "name": conflist["name"],
            "cni.dev/valid-attachments": valid,
        }
        env = {"CNI_COMMAND": "GC", "CNI_PATH": str(cni_bin)}
        await run_plugin(cni_bin / plugin["type"], env, json.dumps(config).encode())


async def _knows_gc(plugin: Path) -> bool:
    """GC came with 1.1.0 of the specification; an older plugin of the operator's is left alone."""
    out = await run_plugin(plugin, {"CNI_COMMAND": "VERSION"}, b'{"cniVersion": "1.0.0"}')
    return GC_VERSION in json.loads(out).get("supportedVersions", [])


def read_conflist(folder: Path) -> dict[str, Any]:
    """The network's configuration: the first file of the folder in the order of names, as the runtime takes it."""
    paths = sorted(p for p in folder.glob("*") if p.suffix == ".conflist")
    if not paths:
        raise AgentError(f"no network configuration in {folder}: a *.conflist file is needed")
    try:
        data = json.loads(paths[0].read_bytes())
    except (OSError, ValueError) as error:
        raise AgentError(f"cannot read the network configuration {paths[0]}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("plugins"), list) or "name" not in data:
        raise AgentError(f"cannot use the network configuration {paths[0]}: it needs 'name' and 'plugins'")
    return data
