# SPDX-License-Identifier: Apache-2.0
"""`orlop agent`: the kubelet alone."""

import asyncio
from pathlib import Path

import click

from cli.config import agent_config, read_config
from cli.daemon import config_option, dry_run_option, once_option, run_daemon


@click.command("agent")
@config_option
@once_option
@dry_run_option
def command(config_path: Path, *, once: bool, dry_run: bool) -> None:
    """Run the agent alone: pods from manifests, through the container runtime.

    The network plugin is executed by the runtime and works without its daemon.
    """
    from agent import main
    from cli.nodeerrors import NODE_ERRORS

    config = agent_config(read_config(config_path))
    if dry_run:
        for line in asyncio.run(main.dry_run(config)):
            click.echo(line)
        return
    run_daemon(main.serve(config, once=once), NODE_ERRORS)
