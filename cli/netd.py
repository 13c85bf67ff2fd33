# SPDX-License-Identifier: Apache-2.0
"""`orlop netd`: the network plugin's daemon alone."""

from pathlib import Path

import click

from cli.config import network_settings, read_config
from cli.daemon import config_option, dry_run_option, run_daemon


@click.command("netd")
@config_option
@dry_run_option
def command(config_path: Path, *, dry_run: bool) -> None:
    """Run the network plugin's daemon alone; the plugin works without it, only slower."""
    from netplugin.daemon import serve
    from netplugin.dryrun import plan_lines
    from netplugin.errors import NetpluginError
    from netplugin.install import install

    settings = network_settings(read_config(config_path))
    if dry_run:
        click.echo("# what attaching a pod to this network does:")
        click.echo("\n".join(plan_lines(settings)))
        return
    install(settings)
    run_daemon(serve(settings), (NetpluginError,))
