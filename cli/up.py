# SPDX-License-Identifier: Apache-2.0
"""`orlop up`: a node and a control plane out of nothing, and with --demo two pods with a request between them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.errors import CliError
from cli.options import lab_options
from cli.progress import phase, tell

if TYPE_CHECKING:
    from lab import LabSpec

MOST_NODES: Final = 200
"""As many addresses as the switch's network has after those of switch and control plane."""


@click.command("up")
@lab_options
@click.option(
    "--nodes",
    "node_count",
    type=click.IntRange(1, MOST_NODES),
    help="How many nodes.  [those that the lab has, or 1]",
)
@click.option(
    "--controlplane/--no-controlplane",
    "controlplane",
    default=None,
    help="Whether nodes join a control plane, or run their manifests alone.  [as the lab is, or with one]",
)
@click.option(
    "--containerd",
    "containerd_folder",
    type=click.Path(file_okay=False, exists=True),
    help="A folder with containerd, its shim, runc and ctr.  [those on PATH]",
)
@click.option(
    "--demo", is_flag=True, help="Run a web server and a client pod, and show a request between them."
)
def command(
    name: str,
    root: Path | None,
    node_count: int | None,
    containerd_folder: str | None,
    *,
    controlplane: bool | None,
    demo: bool,
) -> None:
    """Bring nodes up on this machine: network namespaces, each with its own containerd, agent and network.

    They join a control plane; `orlop kubeconfig` says how kubectl gets there.

    Asked again, it repairs what is missing and otherwise only shows what is there.
    """
    from cli.demo import run_demo
    from cli.labimages import load_images
    from cli.overview import overview
    from cli.status import show
    from lab import Lab, LabError
    from lab.image.errors import ImageError

    try:
        lab = Lab(_spec(name, root, node_count, containerd_folder or "", controlplane=controlplane))
        lab.up(tell)
        with phase("images"):
            load_images(lab)
    except (LabError, ImageError) as error:
        raise CliError(str(error)) from error
    if demo:
        run_demo(lab)
    else:
        show(overview(lab))


def _spec(
    name: str, root: Path | None, nodes: int | None, containerd_folder: str, *, controlplane: bool | None
) -> "LabSpec":
    """The lab that is asked for; what is not said is as in the lab that is there, or as usual."""
    from lab import LabNotFoundError, LabSpec, default_root, numbered_node, open_lab

    usual = LabSpec(name=name, root=root)
    try:
        there = open_lab(root or default_root(name)).spec
    except LabNotFoundError:
        there = usual
    return replace(
        usual,
        nodes=tuple(numbered_node(number + 1) for number in range(nodes)) if nodes else there.nodes,
        controlplane=there.controlplane if controlplane is None else controlplane,
        containerd_folder=containerd_folder,
    )
