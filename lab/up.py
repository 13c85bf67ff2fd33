# SPDX-License-Identifier: Apache-2.0
"""`up`: makes what is missing of a lab; what is there is left alone, so it can be repeated and repairs."""

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lab import (
    apply,
    binaries,
    cgroup,
    containerd,
    controlplaneconfig,
    identity,
    leftovers,
    marks,
    namespace,
    nodeconfig,
    plan,
    port,
    process,
    ready,
    run,
    specfile,
)
from lab.errors import LabError, LabRefusedError
from lab.leftovers import HostFolders
from lab.lock import Held, locked
from lab.model import CONTROLPLANE, SPEC_FILE, LabSpec, PlacePaths
from lab.progress import Progress, phase
from lab.service import CONTAINERD, NODE

MAX_SOCKET_PATH = 107
"""sun_path holds 108 bytes, the last one a NUL (unix(7))."""


def up(spec: LabSpec, progress: Progress, environ: Mapping[str, str], host: HostFolders) -> LabSpec:
    """Bring the lab up, and give its specification with the API port that it has now.

    spec.root must be set and free of symbolic links.
    """
    while True:
        # Before anything is made, and again when nobody else can be at it.
        check_root(spec)
        marks.make_inside(spec.paths.root, lambda: None)
        with locked(spec.paths.root) as lock:
            if lock.current:
                check_root(spec)
                whole = with_port(spec)
                _up(whole, progress, environ, host, lock)
                return whole


def _up(spec: LabSpec, progress: Progress, environ: Mapping[str, str], host: HostFolders, lock: Held) -> None:
    with phase(progress, "files"):
        _write_files(spec, environ, host)
    with phase(progress, "cgroups"):
        _make_cgroups(spec)
    with phase(progress, "network"):
        _make_network(spec)
    with phase(progress, "supervisor"):
        _start_supervisor(spec, environ, lock)
    for name in (CONTAINERD, NODE):
        for node in spec.paths.nodes:
            with phase(progress, f"{node.name} {name}"):
                ready.wait_for_service(node, name, ready.listens_on(spec, node, name))
    if spec.controlplane:
        with phase(progress, CONTROLPLANE):
            ready.wait_for_service(spec.paths.controlplane, CONTROLPLANE, spec.api_port)


def with_port(spec: LabSpec) -> LabSpec:
    """The specification with an API port: the given one, that of an earlier `up`, or a free one."""
    if not spec.controlplane or spec.api_port:
        return spec
    kept = specfile.read(spec.paths.root).api_port if spec.paths.spec.exists() else 0
    return replace(spec, api_port=kept or port.choose(spec.paths.root))


def check_root(spec: LabSpec) -> None:
    """Refuse a root folder that is something else's, a name that is taken, a path that is too long."""
    root = spec.paths.root
    check_folder(root)
    if (root / SPEC_FILE).exists():
        before = specfile.read(root)
        changed = specfile.difference(before, replace(spec, api_port=spec.api_port or before.api_port))
        if changed:
            raise LabRefusedError(
                f"cannot bring lab {spec.name} up in {root}: it was made with another {', '.join(changed)}; "
                f"use the same values, or take it down first"
            )
    longest = max(len(f"{node.containerd_socket}.ttrpc") for node in spec.paths.nodes)
    if longest > MAX_SOCKET_PATH:
        raise LabRefusedError(
            f"cannot make a lab in {root}: the path of a socket in it would have {longest} bytes and the kernel "
            f"takes {MAX_SOCKET_PATH}; choose a root that is {longest - MAX_SOCKET_PATH} shorter"
        )
    for name in (apply.name_of(spec.paths, place) for place in plan.places(spec)):
        namespace.check_link(name, root)


def check_folder(root: Path) -> None:
    """Refuse a folder that holds anything but a lab, or that is inside one."""
    if not root.is_absolute() or root == Path("/"):
        raise LabRefusedError(f"cannot make a lab in {root}: a lab's root is an absolute path and not /")
    inside = [parent for parent in root.parents if (parent / SPEC_FILE).exists()]
    if inside:
        raise LabRefusedError(f"cannot make a lab in {root}: {inside[0]} is another lab's root")
    try:
        kind = root.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(kind):
        raise LabRefusedError(f"cannot make a lab in {root}: it is not a folder")
    names = {path.name for path in root.iterdir()} - {specfile.unfinished_name()}
    if names and SPEC_FILE not in names:
        raise LabRefusedError(
            f"cannot use {root}: it holds {', '.join(sorted(names)[:3])} and no {SPEC_FILE}, so it is not a "
            f"lab's folder; choose a new or an empty one"
        )


def _write_files(spec: LabSpec, environ: Mapping[str, str], host: HostFolders) -> None:
    if not specfile.is_written(spec):
        # It read what is written there once; the next one adopts its processes.
        _end_supervisor(spec)
        specfile.write(spec)
    programs = binaries.find(spec.containerd_folder, environ.get("PATH", ""))
    setup = containerd.setup_for(
        spec, binaries.version(programs), programs.shim, programs.runc, Path("/proc/self/status").read_text()
    )
    leftovers.claim(spec, host)
    for node in spec.nodes:
        paths = spec.paths.node(node.name)
        for folder in paths.folders:
            folder.mkdir(exist_ok=True)
        _write(paths.containerd_config, containerd.render(paths, setup))
        _write(paths.config, nodeconfig.render(spec, node))
    if spec.controlplane:
        _write_controlplane(spec)
        identity.ensure(spec)


def _write_controlplane(spec: LabSpec) -> None:
    paths = spec.paths.controlplane
    for folder in paths.folders:
        # Keys and Secrets are below it.
        folder.mkdir(mode=0o700, exist_ok=True)
    _write(paths.config, controlplaneconfig.render(spec))


def _end_supervisor(spec: LabSpec) -> None:
    record = process.running(spec.paths.supervisor_pid)
    if record:
        process.kill(record.identity)


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def _make_cgroups(spec: LabSpec) -> None:
    paths, owner = spec.paths, str(spec.paths.root)
    found = cgroup.hierarchies()
    if not found:
        raise LabError("cannot make a lab: no cgroup hierarchy is mounted (mount | grep cgroup)")
    for hierarchy in found:
        other = cgroup.foreign_owner(hierarchy, paths.cgroup, owner)
        if other is not None:
            raise LabRefusedError(
                f"cannot use the cgroup {hierarchy.folder(paths.cgroup)}: it belongs to "
                f"{'something else' if other == '?' else f'the lab in {other}'}; take that lab down, "
                f"or choose another lab name"
            )
    cgroup.make(found, paths.cgroup, owner, tuple(node.cgroup for node in paths.nodes))


def _make_network(spec: LabSpec) -> None:
    for place in plan.places(spec):
        path = apply.namespace_of(spec.paths, place)
        if namespace.inode(path) is not None:
            namespace.make_link(apply.name_of(spec.paths, place), path)
    apply.apply(spec, plan.plan_network(spec, apply.observe(spec)))
    _end_processes_elsewhere(spec)


def _end_processes_elsewhere(spec: LabSpec) -> None:
    """A process in a namespace that is not its place's any more cannot be moved, only started anew."""
    services: list[tuple[PlacePaths, str]] = [(spec.paths.controlplane, CONTROLPLANE)]
    services += [(node, name) for node in spec.paths.nodes for name in (CONTAINERD, NODE)]
    for place, name in services:
        record = process.running(place.pid_file(name))
        if record and namespace.of_process(record.identity.pid) != namespace.inode(place.namespace):
            process.kill(record.identity)


def _start_supervisor(spec: LabSpec, environ: Mapping[str, str], lock: Held) -> None:
    if process.running(spec.paths.supervisor_pid) is None:
        run.start_supervisor(spec.paths.root, environ, spec.paths.supervisor_log, lock.descriptor)
        ready.wait_for_supervisor(spec)
