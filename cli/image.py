# SPDX-License-Identifier: Apache-2.0
"""`orlop image`: build OCI images from local files and load them into a node, without any registry."""

from pathlib import Path

import click

from cli.errors import CliError
from cli.options import lab_options


@click.group("image")
def command() -> None:
    """Build and load images without a registry."""
