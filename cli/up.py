# SPDX-License-Identifier: Apache-2.0
"""`orlop up`: a node and a control plane out of nothing, and with --demo two pods with a request between them."""

from pathlib import Path

import click

from cli.errors import CliError
from cli.options import lab_options
from cli.progress import phase, tell


@click.command("up")
@lab_options
@click.option(
    "--containerd",
    "containerd_folder",
    type=click.Path(file_okay=False, exists=True),
    help="A folder with containerd, its shim, runc and ctr.  [those on PATH]",
)
@click.option(
    "--demo", is_flag=True, help="Run a web server and a client pod, and show a request between them."
)
def command(name: str, root: Path | None, containerd_folder: str | None, *, demo: bool) -> None:
    """Bring a node up on this machine: a network namespace with its own containerd, agent and network.

    Beside it a control plane; `orlop kubeconfig` says how kubectl gets there.

    Asked again, it repairs what is missing and otherwise only shows what is there.
    """
    from cli.demo import run_demo
    from cli.labimages import load_images
    from cli.overview import overview
    from cli.status import show
    from lab import Lab, LabError, LabSpec
    from lab.image.errors import ImageError

    try:
        lab = Lab(LabSpec(name=name, root=root, containerd_folder=containerd_folder or ""))
        lab.up(tell)
        with phase("images"):
            load_images(lab)
    except (LabError, ImageError) as error:
        raise CliError(str(error)) from error
    if demo:
        run_demo(lab)
    else:
        show(overview(lab))
