# SPDX-License-Identifier: Apache-2.0
"""`orlop status`: nodes and pods as tables, or everything as data."""

import time
from pathlib import Path
from typing import Any

import click

from cli import podview
from cli.options import lab_options, output_option, print_data
from cli.table import print_table


@click.command("status")
@lab_options
@output_option
def command(name: str, root: Path | None, output: str) -> None:
    """Show nodes, pods, addresses and the limits that the kernel holds them to."""
    from cli.labs import find_lab
    from cli.overview import overview

    data = overview(find_lab(name, root))
    if output != "table":
        print_data(data, output)
        return
    show(data)


def show(data: dict[str, Any]) -> None:
    """Print the overview for people."""
    supervisor = data["supervisor"] or "gone (`orlop up` starts a new one)"
    click.echo(f"lab {data['lab']} in {data['root']}, supervisor {supervisor}")
    if data["controlPlane"]:
        click.echo(_controlplane_line(data["controlPlane"]))
    click.echo()
    print_table(
        ("NODE", "ADDRESS", "PODS", "RUNTIME", "CONTAINERD", "AGENT"),
        [_node_row(node) for node in data["nodes"]],
    )
    click.echo()
    rows = [_pod_row(node, pod) for node in data["nodes"] for pod in node["pods"]]
    header = ("NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "CPU", "MEMORY")
    if rows:
        print_table(header, rows)
    else:
        click.echo("no pods: put a Pod manifest into the node's folder `manifests`")
    for node in data["nodes"]:
        _show_trouble(node)


def _controlplane_line(served: dict[str, Any]) -> str:
    line = f"control plane {_process(served['process'])}"
    return f"{line} at {served['url']}, kubeconfig {served['kubeconfig']}" if served["url"] else line


def _node_row(node: dict[str, Any]) -> tuple[str, ...]:
    runtime = node["runtime"]
    version = f"{runtime['name']} {runtime['version']}" if runtime else "unknown"
    processes = [_process(node["processes"][name]) for name in ("containerd", "node")]
    return (node["name"], node["address"], node["podCIDR"], version, *processes)


def _process(process: dict[str, Any]) -> str:
    if process["pid"] is None:
        return "down"
    text = f"up {podview.age(time.time() - process['since'])}" if process["since"] else "up"
    return f"{text}, {process['restarts']} restarts" if process["restarts"] else text


def _pod_row(node: dict[str, Any], pod: dict[str, Any]) -> tuple[str, ...]:
    limits = pod["limits"]
    memory = podview.bytes_text(limits.get("memory"))
    used = podview.bytes_text(limits.get("memoryUsage"))
    return (
        pod["namespace"],
        pod["name"],
        pod["ready"],
        pod["status"],
        str(pod["restarts"]),
        pod["age"],
        pod["ip"],
        node["name"],
        limits.get("cpu") or "-",
        f"{used or '-'} of {memory}" if memory else used or "-",
    )


def _show_trouble(node: dict[str, Any]) -> None:
    lines = [node["trouble"]] if node["trouble"] else []
    lines += [f"pod {pod['namespace']}/{pod['name']}: {pod['why']}" for pod in node["pods"] if pod["why"]]
    for problem in node["problems"]:
        parts = (problem["source"], problem["field"], problem["message"])
        lines.append(": ".join(part for part in parts if part))
    if lines:
        click.echo(f"\n{node['name']}:")
    for line in lines:
        click.echo(click.style(f"  {line}", fg="yellow"))
