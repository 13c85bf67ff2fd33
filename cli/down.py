# SPDX-License-Identifier: Apache-2.0
"""`orlop down`: take a lab away, whole or crashed half-way."""

from pathlib import Path

import click

from cli.errors import CliError
from cli.options import lab_options
from cli.progress import tell


@click.command("down")
@lab_options
def command(name: str, root: Path | None) -> None:
    """Take everything away that `up` made: pods, processes, namespaces, mounts, cgroups, files."""
    from lab import LabError, default_root, open_lab

    folder = root or default_root(name)
    if not folder.exists():
        click.echo(f"nothing to do: there is no lab in {folder}", err=True)
        return
    try:
        open_lab(folder).down(tell)
    except LabError as error:
        raise CliError(str(error)) from error
