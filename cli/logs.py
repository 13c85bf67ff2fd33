# SPDX-License-Identifier: Apache-2.0
"""`orlop logs`: what a container wrote, read from the node's log files; works while the agent is away, too."""

import sys
import time
from pathlib import Path

import click

from agent.logs import layout
from agent.logs.cursor import Cursor
from agent.logs.select import LogOptions, Piece
from cli.errors import CliError
from cli.options import lab_options, namespace_option, pod_name

# How often a followed file is looked at for more, in seconds.
POLL = 0.1


@click.command("logs")
@click.argument("pod")
@lab_options
@namespace_option
@click.option("-c", "--container", help="The container, if the pod has several.")
@click.option("-f", "--follow", is_flag=True, help="Go on as the container writes.")
@click.option("-p", "--previous", is_flag=True, help="The attempt before the last.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last lines.")
@click.option("--timestamps", is_flag=True, help="Show when each line was written.")
def command(
    pod: str,
    name: str,
    root: Path | None,
    namespace: str,
    container: str | None,
    tail: int | None,
    *,
    follow: bool,
    previous: bool,
    timestamps: bool,
) -> None:
    """Print what a container of POD wrote to stdout and stderr."""
    from cli.labs import find_lab

    namespace, pod = pod_name(pod, namespace)
    for node in find_lab(name, root).paths.nodes:
        if names := layout.containers_with_logs(node.logs, namespace, pod):
            path = _file(node.logs, namespace, pod, _choose(names, container, pod), previous=previous)
            _print(path, LogOptions(tail=tail, timestamps=timestamps), follow=follow)
            return
    raise CliError(f"pod {namespace}/{pod} has no logs on this lab; `orlop status` lists the pods")


def _choose(names: list[str], container: str | None, pod: str) -> str:
    if container is None and len(names) == 1:
        return names[0]
    if container is None:
        raise CliError(f"pod {pod} has several containers: choose one with -c: {', '.join(names)}")
    if container not in names:
        raise CliError(f"pod {pod} has no logs of container {container!r}; it has: {', '.join(names)}")
    return container


def _file(folder: Path, namespace: str, pod: str, container: str, *, previous: bool) -> Path:
    files = layout.log_files(folder, namespace, pod, container)
    wanted = 2 if previous else 1
    if len(files) < wanted:
        what = "no previous attempt" if previous else "not been started"
        raise CliError(f"container {namespace}/{pod}/{container} has {what}: there is no log")
    return files[-wanted]


def _print(path: Path, options: LogOptions, *, follow: bool) -> None:
    cursor = Cursor(path, options)
    try:
        _write_all(cursor)
        while follow:
            sys.stdout.flush()
            time.sleep(POLL)
            cursor.go_on()
            _write_all(cursor)
        _write(cursor.rest())
    finally:
        cursor.close()


def _write_all(cursor: Cursor) -> None:
    while (pieces := cursor.read()) is not None:
        _write(pieces)


def _write(pieces: list[Piece]) -> None:
    for stream, output in pieces:
        (sys.stderr if stream == b"stderr" else sys.stdout).buffer.write(output)
