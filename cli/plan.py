# SPDX-License-Identifier: Apache-2.0
"""`orlop plan -f FILE`: what a node would do for a manifest, without doing anything."""

import sys
from pathlib import Path
from typing import Any

import click

from cli.checkconfig import example_text
from cli.errors import CliError
from cli.options import output_option, print_data


@click.command("plan")
@click.option("-f", "--filename", required=True, help="The manifest, or - for standard input.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The node's configuration.  [that of `orlop check-config --example`, alone]",
)
@output_option
def command(filename: str, config_path: Path | None, output: str) -> None:
    """Print images, sandbox, network, cgroups, mounts and environment of each pod of a manifest, and the steps."""
    plans = _plans(filename, config_path)
    if output != "table":
        print_data(plans, output)
        return
    for index, plan in enumerate(plans):
        click.echo("" if index == 0 else "\n", nl=False)
        _show(plan)


def _plans(filename: str, config_path: Path | None) -> list[dict[str, Any]]:
    from agent.errors import AgentError
    from agent.sources.reading import read_manifest
    from agent.wiring import preview
    from cli.config import agent_config, network_settings, parse_config, read_config
    from netplugin.dryrun import plan_lines
    from netplugin.model import Pod

    config = read_config(config_path) if config_path else parse_config(example_text(), "example", alone=True)
    name, content = _read(filename)
    reading = read_manifest(name, content, config.name)
    if reading.problems:
        raise CliError("\n".join(str(problem) for problem in reading.problems))
    plans = []
    for desired in reading.pods:
        try:
            made = preview(agent_config(config)).of(desired)
        except AgentError as error:
            raise CliError(f"the node would refuse pod {desired.key}: {error}") from error
        if made["sandbox"]["network"] == "pod":
            pod = Pod(desired.key.namespace, desired.key.name, desired.uid)
            made["links"] = list(plan_lines(network_settings(config), pod))
        plans.append(made)
    return plans


def _read(filename: str) -> tuple[str, bytes]:
    if filename == "-":
        return "stdin.yaml", sys.stdin.buffer.read()
    try:
        return Path(filename).name, Path(filename).read_bytes()
    except OSError as error:
        raise CliError(f"cannot read {filename}: {error.strerror}") from error


def _show(plan: dict[str, Any]) -> None:
    click.echo(click.style(f"pod {plan['pod']} ({plan['qosClass']}), uid {plan['uid']}", bold=True))
    _section("images", [f"{each['image']} ({each['policy']})" for each in plan["images"]])
    _section("sandbox", [f"{key}: {_text(value)}" for key, value in plan["sandbox"].items() if value])
    _section("links and addresses", plan.get("links", ["those of the node"]))
    cgroup = dict(plan["cgroup"])
    _section(f"cgroup {cgroup.pop('path')}", [f"{file}: {value}" for file, value in cgroup.items()])
    _section("volumes", plan["volumes"])
    for container in plan["containers"]:
        lines = [f"command: {_text(container['command'])}"]
        lines += [f"{file}: {value}" for file, value in container["limits"].items()]
        lines += [f"mount {mount}" for mount in container["mounts"]]
        lines += [f"env {name}={value}" for name, value in container["environment"].items()]
        lines += [f"env: {container['environmentTrouble']}"] if "environmentTrouble" in container else []
        _section(f"{container['kind']} container {container['name']}", lines)
    _section("steps", [f"{number}. {step}" for number, step in enumerate(plan["steps"], 1)])


def _section(title: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"  {title}")
    for line in lines:
        click.echo(f"    {line}")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
