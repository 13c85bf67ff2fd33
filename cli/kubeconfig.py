# SPDX-License-Identifier: Apache-2.0
"""`orlop kubeconfig`: where kubectl finds the way into the lab."""

from pathlib import Path

import click

from cli.errors import CliError
from cli.options import lab_options


@click.command("kubeconfig")
@lab_options
def command(name: str, root: Path | None) -> None:
    """Print the path of the administrator's kubeconfig, which works from this machine.

    Use it as: export KUBECONFIG=$(orlop kubeconfig)
    """
    from cli.labs import find_lab

    lab = find_lab(name, root)
    if not lab.spec.controlplane:
        raise CliError(f"lab {lab.spec.name} in {lab.paths.root} has no control plane")
    path = lab.paths.controlplane.kubeconfig
    if not path.exists():
        raise CliError(f"there is no {path}: the control plane never started; `orlop up` starts it")
    click.echo(path)
