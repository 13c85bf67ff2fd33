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
def command(config_path: Path, *, once: bool, dry_run: bool) -> None:
    """Run a node: the agent (kubelet) and the network plugin's daemon in one process."""
    from agent import main
    from cli.nodeerrors import NODE_ERRORS

    config = read_config(config_path)
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
