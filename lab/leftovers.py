# SPDX-License-Identifier: Apache-2.0
"""Files that containerd, its shims and libcni leave outside the lab's root when they are killed.

No option moves them: shims listen on sockets in /run/containerd/s (containerd, runtime/v2/shim/util_unix.go), libcni
keeps the results of ADD in /var/lib/cni/results until DEL (libcni/api.go). Which of them are the lab's is told by
what is below its root: bundles of the shims, folders of the sandboxes.
"""

import hashlib
import json
import re
import stat
from base64 import b64decode
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab import marks
from lab.model import LabSpec, NodePaths
from lab.service import CONTAINERD

_BUNDLES = "io.containerd.runtime.v2.task"
_NAMESPACE = "k8s.io"
"""containerd's namespace of everything that came by CRI."""
_ID = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class HostFolders:
    """Where shims and libcni write on the host."""

    shim_sockets: Path = Path("/run/containerd/s")
    cni_results: Path = Path("/var/lib/cni/results")

    @property
    def modes(self) -> dict[Path, int]:
        """The folders with the modes that containerd and libcni would make them with."""
        return {self.shim_sockets: 0o711, self.cni_results: 0o700}


def claim(spec: LabSpec, host: HostFolders) -> None:
    """Make the folders that are missing, marked, with a file inside that says that the lab needs them."""
    text = str(spec.paths.root)
    for folder, mode in host.modes.items():
        marks.make_inside(folder, partial(_write, _claim_file(folder, spec), text), mode)


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def _claim_file(folder: Path, spec: LabSpec) -> Path:
    # Names that shims and libcni never use: they would take it for one of theirs.
    return folder / f".orlop-{spec.name}"


def _claims(spec: LabSpec, host: HostFolders) -> tuple[Path, ...]:
    """The lab's claims; that of another lab with the same name and another root is not."""
    files = (_claim_file(folder, spec) for folder in host.modes)
    return tuple(file for file in files if file.is_file() and file.read_text() == str(spec.paths.root))


def find(spec: LabSpec, host: HostFolders) -> tuple[Path, ...]:
    """The lab's files in the host's folders; ask before anything below the root is removed."""
    nodes = spec.paths.nodes
    sockets = {socket for node in nodes for socket in shim_sockets(node, host)}
    sandboxes = frozenset(name for node in nodes for name in sandbox_ids(node))
    results = {path for path in _files(host.cni_results) if is_ours(path, sandboxes, spec.paths.root)}
    return tuple(sorted(sockets | results | set(_claims(spec, host))))


def remove(files: tuple[Path, ...], host: HostFolders) -> tuple[str, ...]:
    """Remove these files, and the folders that labs made once they are empty; a sentence for what stays."""
    problems = []
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            problems.append(f"{path} stays: {error.strerror}")
    for folder in host.modes:
        marks.remove_folders(folder)
    return tuple(problems)


def shim_sockets(node: NodePaths, host: HostFolders) -> tuple[Path, ...]:
    """The sockets of the node's shims that are there, by what the bundles say and by how shims name them."""
    bundles = tuple((node.containerd_state / _BUNDLES).glob("*/*"))
    names = {(bundle.parent.name, bundle.name) for bundle in bundles}
    # When a shim is killed containerd takes its bundle away, not its socket; the log still has its id.
    names |= {(_NAMESPACE, name) for name in (*sandbox_ids(node), *_logged_ids(node))}
    found = [host.shim_sockets / _socket_name(node, *name) for name in names]
    found.extend(address for bundle in bundles for address in _written_address(bundle))
    return tuple(sorted({path for path in found if path.parent == host.shim_sockets and _is_socket(path)}))


def _socket_name(node: NodePaths, namespace: str, name: str) -> str:
    return hashlib.sha256(f"{node.containerd_socket}/{namespace}/{name}".encode()).hexdigest()


def _logged_ids(node: NodePaths) -> frozenset[str]:
    """Every id of a sandbox or container that containerd ever wrote about."""
    try:
        with node.log_file(CONTAINERD).open(errors="replace") as log:
            return frozenset(name for line in log for name in _ID.findall(line))
    except OSError:
        return frozenset()


def _written_address(bundle: Path) -> tuple[Path, ...]:
    try:
        text = (bundle / "address").read_text()
    except OSError:
        text = _bootstrap_address(bundle)
    return (Path(text.strip().removeprefix("unix://")),) if text.startswith("unix://") else ()


def _bootstrap_address(bundle: Path) -> str:
    """containerd 2 keeps the address in a JSON file."""
    try:
        return str(json.loads((bundle / "bootstrap.json").read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False


def sandbox_ids(node: NodePaths) -> frozenset[str]:
    """The ids of all sandboxes and containers that the node's containerd keeps something of."""
    patterns = ((node.containerd_root, "*/sandboxes/*"), (node.containerd_state, "*/sandboxes/*"))
    kept = {path.name for folder, pattern in patterns for path in folder.glob(pattern)}
    return frozenset(kept | {path.name for path in (node.containerd_state / _BUNDLES).glob("*/*")})


def _files(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    except OSError:
        return ()


def is_ours(result: Path, sandboxes: frozenset[str], root: Path) -> bool:
    """Whether a cached CNI result is for one of these sandboxes, or its configuration names the root."""
    try:
        values = json.loads(result.read_bytes())
        if values["containerId"] in sandboxes:
            return True
        return f"{root}/".encode() in b64decode(values.get("config", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
