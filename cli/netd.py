# SPDX-License-Identifier: Apache-2.0
"""`orlop netd`: the network plugin's daemon alone."""

from pathlib import Path

import click

from cli.config import network_settings, read_config
from cli.daemon import config_option, run_daemon


@click.command("netd")
@config_option
def command(config_path: Path) -> None:
    """Run the network plugin's daemon alone; the plugin works without it, only slower."""
    from netplugin.daemon import serve
    from netplugin.install import install

    settings = network_settings(read_config(config_path))
    install(settings)
    run_daemon(serve(settings))
