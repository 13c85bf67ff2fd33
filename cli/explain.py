# SPDX-License-Identifier: Apache-2.0
"""`orlop explain pod NAME`: what was done for a pod, what it waits for, and what would unblock it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli import podview
from cli.options import lab_options, namespace_option, output_option, pod_name, print_data
from cli.table import print_table


@click.group("explain")
def command() -> None:
    """Say why something is as it is."""


@command.command("pod")
@lab_options
@namespace_option
@output_option
@click.argument("pod")
def explain_pod(name: str, root: Path | None, namespace: str, output: str, pod: str) -> None:
    """Print the timeline of POD (NAME, or NAMESPACE/NAME), what it waits for now, and what would unblock it."""
    from agent.explain.explanation import explain
    from cli.client import get
    from cli.labs import find_lab, find_pod

    namespace, pod = pod_name(pod, namespace)
    node, found = find_pod(find_lab(name, root), namespace, pod)
    view = get(node.agent_socket, "/status")["pods"].get(f"{namespace}/{pod}", {})
    data = explain(found, view)
    if output != "table":
        print_data(data, output)
        return
    _show(data, datetime.now(UTC))


def _show(data: dict[str, Any], now: datetime) -> None:
    click.echo(_headline(data))
    if data["waits"]:
        click.echo("\nwaits for:")
    for wait in data["waits"]:
        for line in _wait_lines(wait, now):
            click.echo(line)
    if data["timeline"]:
        click.echo("\nwhat was done:")
        print_table(("AT", "TOOK", "FOR", "PHASE", "RESULT"), [_row(entry) for entry in data["timeline"]])


def _headline(data: dict[str, Any]) -> str:
    state = "Ready" if data["ready"] else data["phase"]
    after = data["readyAfterSeconds"]
    line = f"pod {data['namespace']}/{data['name']} on {data['node'] or 'no node'}: {state}"
    line += f" after {after:.3f} s" if data["ready"] and after is not None else ""
    cause = ": ".join(part for part in (data["reason"], data["message"]) if part)
    return f"{line} ({cause})" if cause else line


def _wait_lines(wait: dict[str, str], now: datetime) -> list[str]:
    since = f" for {podview.age((now - _time(wait['since'])).total_seconds())}" if "since" in wait else ""
    lines = [click.style(f"  {wait['what']}: {wait['reason']}{since}", fg="yellow")]
    if "message" in wait:
        lines.append(f"      {wait['message']}")
    if "until" in wait:
        seconds = (_time(wait["until"]) - now).total_seconds()
        lines.append(f"      next attempt {f'in {podview.age(seconds)}' if seconds > 0 else 'now'}")
    return [*lines, f"      to unblock it: {wait['unblock']}"]


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    at = _time(entry["at"]).strftime("%H:%M:%S.%f")[:-3]
    took = f"{entry['seconds'] * 1000:.0f} ms" if entry["seconds"] < 10 else f"{entry['seconds']:.1f} s"
    return (at, took, entry["target"] or "pod", entry["phase"], entry["error"] or "done")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
