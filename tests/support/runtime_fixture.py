# SPDX-License-Identifier: Apache-2.0
"""A real containerd of any release for tests, of which nothing is left behind.

It runs in mount, network and process namespaces of its own, all held by one `init` process. There /run, /opt and
/var/lib are empty and private, so that no shim, CNI plugin or runc can leave files on the machine; the network has no
way out. When init dies, the kernel kills every containerd, shim and container in there and drops all mounts.
"""

import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.image.build import build
from lab.image.builtin import busybox, pause
from lab.image.load import load

SO_PEERCRED_FORMAT = "3i"  # struct ucred: pid, uid, gid (unix(7))
CNI_PLUGINS = Path("/usr/lib/cni")
DEADLINE = 30

# `read` keeps the shell until its standard input closes: when the test process goes, in whatever way, so does init.
INIT = """
set -e
for folder in /run /opt /var/lib; do mount -t tmpfs -o mode=755 tmpfs $folder; done
ip link set lo up
echo ready
read -r end || true
"""

CONFLIST = """{
  "cniVersion": "1.0.0", "name": "test",
  "plugins": [{
    "type": "ptp", "mtu": 1500,
    "ipam": {
      "type": "host-local", "dataDir": "%s",
      "ranges": [[{"subnet": "10.201.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
"""

CONFIG = {
    2: """
version = 2
root = "{root}/root"
state = "{root}/state"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/local/pause:1"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{cni_bin}"
conf_dir = "{root}/cni"
""",
    3: """
version = 3
root = "{root}/root"
state = "{root}/state"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
address = "{socket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "docker.io/local/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{cni_bin}"]
conf_dir = "{root}/cni"
[plugins."io.containerd.grpc.v1.cri"]
stream_server_address = "127.0.0.1"
""",
}


class Containerd:
    """One containerd with its namespaces; `kill` and `start` work any number of times."""

    def __init__(self, release: Path, root: Path) -> None:
        self.root = root
        self.socket = root / "containerd.sock"
        self.cgroup_parent = f"/orlop-test-{secrets.token_hex(4)}"
        self._release = release
        self._log = (root / "containerd.log").open("ab")
        self._containerd: subprocess.Popen[bytes] | None = None
        self._init = self._start_init()
        self._write_configuration()

    def start(self) -> None:
        """Start containerd; returns when its socket answers."""
        command = ["nsenter", "--target", str(self._init_pid()), "--mount", "--net", "--pid"]
        environment = os.environ | {"PATH": f"{self._release}:{os.environ['PATH']}"}
        self._containerd = subprocess.Popen(
            [*command, str(self._release / "containerd"), "--config", str(self.root / "config.toml")],
            env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        wait_until(self.pid, "containerd's socket answers")

    def kill(self) -> None:
        """SIGKILL to containerd alone; shims and containers go on."""
        pid = self.pid()
        assert pid is not None, "containerd is not running"
        os.kill(pid, signal.SIGKILL)
        self._reap_containerd()

    def pid(self) -> int | None:
        """containerd's process id, None when nothing answers at its socket."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
            except OSError:
                return None
            credentials = client.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(SO_PEERCRED_FORMAT)
            )
        return int(struct.unpack(SO_PEERCRED_FORMAT, credentials)[0])

    def load_images(self) -> None:
        """docker.io/local/pause:1 and docker.io/local/busybox:1."""
        for spec in (pause(), busybox()):
            archive = self.root / "image.tar"
            build(spec, archive)
            load(archive, socket=self.socket, ctr=str(self._release / "ctr"))
            archive.unlink()

    def stop(self) -> None:
        """End everything that runs in there, and remove the cgroups."""
        os.kill(self._init_pid(), signal.SIGKILL)
        self._init.wait(DEADLINE)
        for pipe in (self._init.stdin, self._init.stdout):
            assert pipe is not None
            pipe.close()
        self._reap_containerd()
        self._log.close()
        wait_until(lambda: not cgroups_left(self.cgroup_parent), "the cgroups are gone")

    def _reap_containerd(self) -> None:
        """Wait for nsenter, which ends when the containerd that it started has."""
        if self._containerd is not None:
            self._containerd.wait(DEADLINE)
            self._containerd = None

    def _start_init(self) -> "subprocess.Popen[str]":
        # --kill-child: init dies with unshare too.
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        init = subprocess.Popen(
            [*command, "sh", "-c", INIT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip
        assert init.stdout is not None
        assert init.stdout.readline() == "ready\n", (self.root / "containerd.log").read_text()
        return init

    def _init_pid(self) -> int:
        """The process that holds the namespaces: unshare's only child."""
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text()
        return int(children.split()[0])

    def _write_configuration(self) -> None:
        version = subprocess.run(
            [str(self._release / "containerd"), "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[2]
        config = CONFIG[2 if version.startswith("1.") else 3]
        values = {"root": self.root, "socket": self.socket, "cni_bin": CNI_PLUGINS}
        (self.root / "config.toml").write_text(config.format(**values))
        (self.root / "cni").mkdir()
        (self.root / "cni/test.conflist").write_text(CONFLIST % (self.root / "ipam"))


@contextmanager
def running(release: Path) -> Iterator[Containerd]:
    """A containerd of the release with both images, for as long as the context lasts."""
    root = Path(tempfile.mkdtemp(prefix="orlop-"))
    containerd = Containerd(release, root)
    try:
        containerd.start()
        containerd.load_images()
        yield containerd
    except BaseException as error:
        error.add_note((root / "containerd.log").read_text()[-4000:])
        raise
    finally:
        containerd.stop()
        shutil.rmtree(root)


def cgroups_left(parent: str) -> list[Path]:
    """Remove the cgroup and all below it, in every hierarchy; what could not be removed yet."""
    left = []
    for hierarchy in cgroup_mounts():
        top = hierarchy / parent.lstrip("/")
        for folder in [*sorted(top.rglob("*/"), reverse=True), top]:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                left.append(folder)
    return left


def cgroup_mounts() -> list[Path]:
    """Where cgroup hierarchies are mounted (proc(5), mountinfo: the fifth word, and the type after the dash)."""
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [Path(row[4]) for row in rows if row[row.index("-") + 1] in ("cgroup", "cgroup2")]


def wait_until(condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
    """Wait for a condition; AssertionError with `what` when the deadline passes."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        time.sleep(0.01)
