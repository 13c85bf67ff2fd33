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
    from lab import LabError, remains_of

    try:
        lab = remains_of(name, root)
        existed = lab.paths.root.exists()
        lab.down(tell)
    except LabError as error:
        raise CliError(str(error)) from error
    if not existed:
        click.echo(
            f"there was no lab in {lab.paths.root}: whatever it may have left elsewhere is gone", err=True
        )
