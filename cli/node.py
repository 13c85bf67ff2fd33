# SPDX-License-Identifier: Apache-2.0
"""`orlop node`: agent and network daemon in one process."""

import asyncio
from pathlib import Path

import click

from cli.config import NodeConfig, agent_config, network_settings, read_config
from cli.daemon import config_option, dry_run_option, once_option, run_daemon


@click.command("node")
@config_option
@once_option
@dry_run_option
@click.option(
    "--drain",
    "drain_seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Run nothing: let the node take no more pods, and evict those that it has within so many seconds.",
)
def command(config_path: Path, drain_seconds: float | None, *, once: bool, dry_run: bool) -> None:
    """Run a node: the agent (kubelet) and the network plugin's daemon in one process."""
    from agent import main
    from cli.nodeerrors import NODE_ERRORS

    config = read_config(config_path)
    if drain_seconds is not None:
        asyncio.run(_drain(config, drain_seconds))
        return
    if dry_run:
        for line in asyncio.run(main.dry_run(agent_config(config))):
            click.echo(line)
        return
    run_daemon(_serve(config, once=once), NODE_ERRORS)


async def _serve(config: NodeConfig, *, once: bool) -> None:
    from agent import main
    from cli import noderoutes
    from netplugin.daemon import serve
    from netplugin.install import install

    settings = network_settings(config)
    install(settings)
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(serve(settings), name="netplugin")]
        if config.api:
            following = noderoutes.follow(Path(config.api.kubeconfig), config.name)
            beside.append(group.create_task(following, name="node routes"))
        await main.serve(agent_config(config), once=once)
        for task in beside:
            task.cancel()


async def _drain(config: NodeConfig, seconds: float) -> None:
    from agent.errors import AgentError
    from agent.node.drain import drain
    from cli.errors import CliError
    from kube.client import Client
    from kube.config import from_file
    from kube.errors import KubeError

    if config.api is None:
        raise CliError(f"cannot drain node {config.name}: its configuration has no section api")
    try:
        async with Client(from_file(Path(config.api.kubeconfig)), user_agent="orlop-drain") as client:
            async for line in drain(client, config.name, seconds):
                click.echo(line)
    except (AgentError, KubeError) as error:
        raise CliError(str(error)) from error
