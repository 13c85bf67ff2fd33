# SPDX-License-Identifier: Apache-2.0
"""What a test run leaves behind on the machine: a picture before, a picture after, and the difference.

A picture holds, by kind, everything that our programs could leave: network namespaces, links, addresses, rules and
routes of the host's namespace, mounts, cgroups, processes, and files in the few folders of the host that runtimes use.
What other programs do meanwhile is told apart by rules, each with its reason beside it, never by a list of names:

- a process counts when it carries this run's mark in its environment, or is in a cgroup that somebody made;
- cgroups below those that the test runner itself or systemd's units are in belong to whoever started the runner;
- kernel threads are the kernel's;
- a lab that was there before, or whose supervisor another program started, is somebody else's.

A process that cleared its environment, stayed in the root cgroups and in the host's network is not seen.
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import cgroup, marks, mounts

RUN_MARK = "ORLOP_TEST_RUN"
PF_KTHREAD = 0x00200000
"""linux/sched.h; field 9 of /proc/PID/stat (proc(5))"""
SETTLE = float(os.environ.get("ORLOP_LEAK_SETTLE", "5"))
"""Seconds for what was told to end and has not yet: the kernel takes namespaces and cgroups apart later."""

# Where our programs, containerd and CNI plugins write unless told otherwise; each was written to in some version.
WATCHED_FOLDERS = (
    "/etc/cni",
    "/etc/nri",
    "/opt/cni",
    "/opt/containerd",
    "/opt/nri",
    "/run/nri",
    "/run/netns",
    "/run/containerd",
    "/var/lib/cni",
    "/var/lib/orlop",
)
# Labs and scratch folders of ours in the folder for temporary files.
TEMPORARY_NAMES = ("ol-", "orlop")
# systemd makes these cgroups and mounts for units and logins at any time; no program of ours does.
SYSTEMD_CGROUPS = ("/system.slice", "/user.slice", "/machine.slice", "/init.scope")
SYSTEMD_MOUNTS = ("/run/user/", "/run/credentials/")

Items = Mapping[str, str]
"""What is there: an identity, and how to show it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything by kind; `labs` are tokens (cgroup and root folder) of labs that are not this run's."""

    kinds: Mapping[str, Items]
    labs: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Process:
    """A process: where it is, and whether it carries the run's mark."""

    pid: int
    start: str
    words: str
    cgroups: frozenset[str]
    network: str
    marked: bool


def take(run: str) -> Picture:
    """The picture now. run: this run's mark."""
    processes = tuple(_processes(run))
    managed = _managed_cgroups()
    return Picture(
        {
            "network namespace": _namespaces(processes, managed),
            "link": _shown(["ip", "-d", "-o", "link"], _link),
            "address": _shown(["ip", "-o", "address"], _timeless),
            "rule": {**_shown(["ip", "rule"]), **_shown(["ip", "-6", "rule"])},
            "route": {
                **_shown(["ip", "route", "show", "table", "all"], _timeless),
                **_shown(["ip", "-6", "route", "show", "table", "all"], _timeless),
            },
            "iptables": {**_shown(["iptables-save"], _rule), **_shown(["ip6tables-save"], _rule)},
            "iptables-legacy": _shown(["iptables-legacy-save"], _rule),
            "nftables": _ruleset(),
            "mount": _mounts(),
            "cgroup": _cgroups(managed),
            "process": _own_processes(processes, managed),
            "file": _files(),
        },
        _foreign_labs(processes, managed),
    )


def differences(before: Picture, after: Picture, only: Iterable[str] = ()) -> tuple[str, ...]:
    """A line for each thing that is new or gone; `only` those that show one of these strings, if any are given."""
    labs = before.labs | after.labs
    lines = []
    for kind, items in after.kinds.items():
        old = before.kinds[kind]
        lines += [f"+ {kind}: {text}" for key, text in items.items() if key not in old]
        if kind in _KEPT:
            lines += [f"- {kind}: {text}" for key, text in old.items() if key not in items]
    wanted = tuple(only)
    return tuple(
        line
        for line in sorted(lines)
        if not any(_mentions(line, lab) for lab in labs)
        and (not wanted or any(each in line for each in wanted))
    )


# Of the rest, what others had may well end during a run.
_KEPT = ("link", "address", "rule", "route", "iptables", "iptables-legacy", "nftables")


def settled(before: Picture, run: str, only: Iterable[str] = (), seconds: float = SETTLE) -> tuple[str, ...]:
    """The differences that are left after a while; () as soon as there are none."""
    until, wanted = time.monotonic() + seconds, tuple(only)
    while (found := differences(before, take(run), wanted)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _mentions(line: str, token: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(token)}(?![\w.-])", line) is not None


def _processes(run: str, proc: Path = Path("/proc")) -> Iterator[Process]:
    mark = f"{RUN_MARK}={run}".encode()
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
            fields = stat[stat.rindex(")") + 2 :].split()
            if int(fields[6]) & PF_KTHREAD or fields[0] == "Z":
                continue
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            yield Process(
                pid=int(folder.name),
                start=fields[19],
                words=words[:120] or stat[stat.index("(") : stat.rindex(")") + 1],
                cgroups=frozenset(
                    line.split(":", 2)[2] for line in (folder / "cgroup").read_text().splitlines()
                ),
                network=str((folder / "ns" / "net").readlink()),
                marked=mark in (folder / "environ").read_bytes().split(b"\0"),
            )
        except OSError:
            # It ended while it was looked at.
            continue


def _managed_cgroups() -> tuple[str, ...]:
    """The top of every cgroup that the runner itself is in, and systemd's."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = {f"/{line.split(':', 2)[2].split('/')[1]}" for line in lines} - {"/"}
    return (*SYSTEMD_CGROUPS, *sorted(own))


def _is_managed(path: str, managed: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in managed)


def _made_cgroups(process: Process, managed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(p for p in process.cgroups if p != "/" and not _is_managed(p, managed)))


def _own_processes(processes: tuple[Process, ...], managed: tuple[str, ...]) -> Items:
    own = _runners()
    return {
        f"{each.pid} {each.start}": f"{each.pid} {each.words} {' '.join(_made_cgroups(each, managed))}".strip()
        for each in processes
        if each.pid not in own and (each.marked or _made_cgroups(each, managed))
    }


def _runners() -> frozenset[int]:
    """This process and those above it: the test runner, and in a test run by a test the outer one."""
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat[stat.rindex(")") + 2 :].split()[1])
    return frozenset(found)


def _namespaces(processes: tuple[Process, ...], managed: tuple[str, ...]) -> Items:
    found = {}
    for each in processes:
        # A unit of systemd may have a network of its own (PrivateNetwork=).
        if each.marked or not all(_is_managed(path, managed) for path in each.cgroups):
            found[each.network] = (
                f"{each.network} of {each.pid} {each.words} {' '.join(sorted(each.cgroups))}"
            )
    return found


def _shown(command: list[str], clean: Callable[[str], str] = str.strip) -> Items:
    """The lines that a command prints, each counted when it is there several times; {} without the command."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = {}
    for line in result.stdout.splitlines():
        text = clean(line)
        if text and text not in found:
            found[text] = f"{text}  ({command[0]})"
    return found


def _link(line: str) -> str:
    """A link's name and kind: its counters and flags may change."""
    words = line.split()
    kind = next(
        (word for word in ("bridge", "veth", "vxlan", "tun", "ifb", "dummy") if word in words), "link"
    )
    return f"{words[1].rstrip(':')} {kind}"


def _timeless(line: str) -> str:
    """Without the time that an address or route from the network still has."""
    return re.sub(r"(expires|valid_lft|preferred_lft) \S+", "", line).strip()


def _rule(line: str) -> str:
    """Without counters and comments (which hold the time)."""
    return "" if line.startswith("#") else re.sub(r"\[\d+:\d+\]", "", line).strip()


def _ruleset() -> Items:
    """nftables' rules with the table and chain that they are in."""
    try:
        text = subprocess.run(
            ["nft", "-s", "list", "ruleset"], capture_output=True, text=True, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    found, inside = {}, []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line == "}":
            inside.pop()
            continue
        text = " / ".join([*inside, line.rstrip(" {")])
        found[text] = text
        if line.endswith("{"):
            inside.append(line.rstrip(" {"))
    return found


def _mounts() -> Items:
    found: dict[str, str] = {}
    for mount in mounts.read():
        if not str(mount.point).startswith(SYSTEMD_MOUNTS):
            key = f"{mount.kind} on {mount.point}"
            # The same may be mounted twice on one point.
            while key in found:
                key += " again"
            found[key] = key
    return found


def _cgroups(managed: tuple[str, ...]) -> Items:
    found = {}
    for hierarchy in cgroup.hierarchies():
        for name, folders, _ in os.walk(hierarchy.mount):
            path = f"/{Path(name).relative_to(hierarchy.mount)}".replace("/.", "/")
            if _is_managed(path, managed):
                folders.clear()
            elif path != "/":
                found[name] = f"{path} of {hierarchy.mount.name} ({name})"
    return found


def _files() -> Items:
    found = {}
    for folder in WATCHED_FOLDERS:
        for name, folders, files in os.walk(folder):
            found[name] = name
            found.update({f"{name}/{each}": f"{name}/{each}" for each in (*folders, *files)})
    temporary = Path(tempfile.gettempdir())
    found.update({str(p): str(p) for p in temporary.iterdir() if p.name.startswith(TEMPORARY_NAMES)})
    return found


def _foreign_labs(processes: tuple[Process, ...], managed: tuple[str, ...]) -> frozenset[str]:
    """The cgroups and root folders of labs whose supervisor this run did not start.

    In the picture before a run these are all labs that are up. One without a supervisor may be this run's.
    """
    found = set()
    for each in processes:
        for path in _made_cgroups(each, managed):
            name = path.removesuffix("/supervisor")
            if not each.marked and name != path and name.startswith("/orlop-"):
                found |= {name, *_roots(name)}
    return frozenset(found)


def _roots(path: str) -> frozenset[str]:
    marked = (marks.read(hierarchy.folder(path)) for hierarchy in cgroup.hierarchies())
    return frozenset(mark for mark in marked if mark)
