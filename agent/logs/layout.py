# SPDX-License-Identifier: Apache-2.0
"""The kubelet's layout of container logs.

<logs>/pods/<namespace>_<pod>_<uid>/<container>/<attempt>.log              written by the runtime
<logs>/pods/<namespace>_<pod>_<uid>/<container>/<attempt>.log.<time>[.gz]  rotated, see rotate.py
<logs>/containers/<pod>_<namespace>_<container>-<container id>.log         symbolic links for log collectors
"""

import shutil
from pathlib import Path

from agent.logs.files import rotated_files
from agent.pod import labels
from cri.model import ContainerConfig, SandboxConfig


def make_folder(folder: Path) -> None:
    """Make the folder that the runtime will write a log into; it makes none itself."""
    folder.mkdir(parents=True, exist_ok=True)


def link(logs: Path, sandbox: SandboxConfig, config: ContainerConfig, container_id: str) -> None:
    """Link the container's log where collectors look for it; an older link of the same name is replaced."""
    folder = logs / "containers"
    folder.mkdir(parents=True, exist_ok=True)
    identity = sandbox.metadata
    name = f"{identity.name}_{identity.namespace}_{config.labels[labels.CONTAINER_NAME]}-{container_id}.log"
    path = folder / name
    path.unlink(missing_ok=True)
    path.symlink_to(Path(sandbox.log_directory) / config.log_path)


def remove_log(logs: Path, log_path: str) -> None:
    """Remove one attempt's log, rotated files too, and the links that led to it.

    log_path is absolute, as the runtime states it; one outside the folder of logs is left alone.
    """
    if not log_path or not Path(log_path).is_relative_to(logs / "pods"):
        return
    path = Path(log_path)
    for file in (path, *rotated_files(path)):
        file.unlink(missing_ok=True)
    remove_dangling_links(logs)


def remove_pod(logs: Path, namespace: str, name: str, uid: str) -> None:
    """Remove all logs of one pod and the links that led to them."""
    shutil.rmtree(logs / "pods" / f"{namespace}_{name}_{uid}", ignore_errors=True)
    remove_dangling_links(logs)


def remove_dangling_links(logs: Path) -> None:
    """Remove the links whose log is gone."""
    folder = logs / "containers"
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_symlink() and not path.exists():
            path.unlink(missing_ok=True)


def log_files(logs: Path, namespace: str, name: str, container: str) -> list[Path]:
    """The logs of a container, oldest attempt first, over all pods that had this name."""
    folders = sorted(
        (logs / "pods").glob(f"{namespace}_{name}_*/{container}"), key=lambda p: p.stat().st_mtime
    )
    return [path for folder in folders for path in sorted(folder.glob("*.log"), key=_attempt)]


def containers_with_logs(logs: Path, namespace: str, name: str) -> list[str]:
    """The names of the pod's containers that have written a log."""
    return sorted({path.name for path in (logs / "pods").glob(f"{namespace}_{name}_*/*") if path.is_dir()})


def _attempt(path: Path) -> int:
    return int(path.stem) if path.stem.isdigit() else -1
