# SPDX-License-Identifier: Apache-2.0
"""The processes of a lab that the supervisor keeps running (pure: values in, values out)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.binaries import Binaries
from lab.model import CONTROLPLANE, LabSpec

CONTAINERD = "containerd"
NODE = "node"

# containerd takes proxies, tracing and debugging switches from the environment; a lab's must not depend on them.
_KEPT = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class Service:
    """How to start one process: in which network namespace and cgroup, with which files.

    host_port: the port at 127.0.0.1 of the host whose socket the process inherits (as --listen-fd); None without one.
    """

    title: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    namespace: Path
    cgroup: str
    pid_file: Path
    log: Path
    host_port: int | None = None


def services(
    spec: LabSpec, binaries: Binaries, python: str, environ: Mapping[str, str]
) -> tuple[Service, ...]:
    """Every process of the lab beside the supervisor. python: the interpreter that runs `orlop node`."""
    # First what takes longest to start.
    found = [_controlplane(spec, python, environ)] if spec.controlplane else []
    for node in spec.nodes:
        paths = spec.paths.node(node.name)
        commands = {
            CONTAINERD: (str(binaries.containerd), "--config", str(paths.containerd_config)),
            NODE: tuple(word.replace("{config}", str(paths.config)) for word in _node_command(spec, python)),
        }
        environments = {CONTAINERD: containerd_environ(binaries, environ), NODE: dict(environ)}
        for name, command in commands.items():
            found.append(
                Service(
                    title=f"{node.name} {name}",
                    command=command,
                    environ=environments[name],
                    namespace=paths.namespace,
                    cgroup=paths.service_cgroup(name),
                    pid_file=paths.pid_file(name),
                    log=paths.log_file(name),
                )
            )
    return tuple(found)


def _controlplane(spec: LabSpec, python: str, environ: Mapping[str, str]) -> Service:
    paths = spec.paths.controlplane
    return Service(
        title=CONTROLPLANE,
        command=_orlop(python, "controlplane", str(paths.config)),
        environ=dict(environ),
        namespace=paths.namespace,
        cgroup=paths.cgroup,
        pid_file=paths.pid_file(CONTROLPLANE),
        log=paths.log_file(CONTROLPLANE),
        host_port=spec.api_port,
    )


def _node_command(spec: LabSpec, python: str) -> tuple[str, ...]:
    return spec.node_command or _orlop(python, "node", "{config}")


def _orlop(python: str, command: str, config: str) -> tuple[str, ...]:
    # -P: what is in the working directory must not be taken for a module of ours.
    return (python, "-P", "-m", "cli.main", command, "--config", config)


def containerd_environ(binaries: Binaries, environ: Mapping[str, str]) -> dict[str, str]:
    """containerd finds its shim and runc, and whatever they call, by PATH."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    return {**kept, "PATH": binaries.path(environ.get("PATH", ""))}
