# SPDX-License-Identifier: Apache-2.0
"""Where a pod's cgroup is, as a path from the root of each hierarchy, pure.

    /<root>/kubepods                                            everything that is a pod
    /<root>/kubepods/pod-default-web-1a2b3c4d                   a guaranteed pod
    /<root>/kubepods/burstable/pod-default-web-1a2b3c4d         a burstable pod
    /<root>/kubepods/besteffort/pod-default-web-1a2b3c4d        a best-effort pod; the level has 2 shares

The levels are the kubelet's. A name says namespace and pod; the hash tells apart pods that followed one
another under one name, and pods whose names had to be cut.
"""

import re
from hashlib import sha256
from typing import Final

from agent.cgroup.errors import CgroupPathError
from agent.cgroup.model import CgroupLimits, QosClass

KUBEPODS: Final = "kubepods"
POD_PREFIX: Final = "pod-"
QOS_FOLDERS: Final = {
    QosClass.GUARANTEED: "",
    QosClass.BURSTABLE: "burstable",
    QosClass.BEST_EFFORT: "besteffort",
}

# A folder name may have 255 bytes; what the runtime makes below it ("<64 hex digits>") counts for itself.
_LONGEST_NAME: Final = 200
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def pod_cgroup(root: str, qos: QosClass, namespace: str, name: str, uid: str) -> str:
    """The pod's cgroup below `root` ("/" or "/orlop-lab/node1"), which must be a safe path."""
    digest = sha256(f"{namespace}/{name}/{uid}".encode()).hexdigest()[:8]
    words = _UNSAFE.sub("_", f"{namespace}-{name}")[: _LONGEST_NAME - len(POD_PREFIX) - 1 - len(digest)]
    return f"{qos_cgroup(root, qos)}/{POD_PREFIX}{words}-{digest}"


def qos_cgroup(root: str, qos: QosClass) -> str:
    """The folder that pods of this class are in; for guaranteed pods it is kubepods itself."""
    folder = QOS_FOLDERS[qos]
    return f"{kubepods(root)}/{folder}" if folder else kubepods(root)


def kubepods(root: str) -> str:
    """The cgroup of all pods below `root`."""
    clean = clean_path(root)
    return f"/{KUBEPODS}" if clean == "/" else f"{clean}/{KUBEPODS}"


def is_pod(name: str) -> bool:
    """Whether a folder's name is that of a pod's cgroup."""
    return name.startswith(POD_PREFIX)


def ancestor_limits(path: str) -> CgroupLimits | None:
    """What a level above the pods is limited to; None where it is left as it is.

    Best-effort pods share what two shares give them, the least there is: they run when nobody else wants to.
    """
    return CgroupLimits(cpu_shares=2) if path.endswith(f"/{KUBEPODS}/besteffort") else None


def ancestors(path: str) -> tuple[str, ...]:
    """Every cgroup above `path` but the hierarchy's root, the outermost first."""
    parts = clean_path(path).split("/")[1:-1]
    return tuple("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))


def clean_path(path: str) -> str:
    """`path` with one slash between parts and none at its end; refuses relative paths and dots."""
    parts = [part for part in path.split("/") if part]
    if not path.startswith("/") or "\0" in path or any(part in {".", ".."} for part in parts):
        raise CgroupPathError(
            f"cannot use cgroup {path!r}: accepted is a path that starts with '/' and has no '.' or '..'"
        )
    if any(len(part.encode()) > 255 for part in parts):
        raise CgroupPathError(f"cannot use cgroup {path!r}: a part of it is longer than 255 bytes")
    return "/" + "/".join(parts)
