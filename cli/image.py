# SPDX-License-Identifier: Apache-2.0
"""`orlop image`: build OCI images from local files and load them into a node, without any registry."""

from pathlib import Path

import click

from cli.errors import CliError
from cli.labimages import SPECS
from cli.options import lab_options


@click.group("image")
def command() -> None:
    """Build and load images without a registry."""


@command.command("build")
@click.option(
    "-f", "--file", "file", type=click.Path(path_type=Path), help="The description of the image (YAML)."
)
@click.option("--builtin", type=click.Choice(sorted(SPECS)), help="One of Orlop's own images instead.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The archive to write.")
def build(file: Path | None, builtin: str | None, output: Path) -> None:
    """Build an OCI image archive from local files; the same files give the same bytes."""
    from lab.image.build import build as build_image
    from lab.image.errors import ImageError
    from lab.image.specfile import read_spec

    if (file is None) == (builtin is None):
        raise click.UsageError("say what to build: -f FILE, or --builtin NAME, and not both")
    try:
        spec = SPECS[builtin]() if builtin else read_spec(Path(str(file)))
        image = build_image(spec, output)
    except ImageError as error:
        raise CliError(str(error)) from error
    click.echo(f"{image.reference} {image.digest} in {output}")


@command.command("load")
@click.argument("archives", nargs=-1, required=True, type=click.Path(path_type=Path))
@lab_options
def load(archives: tuple[Path, ...], name: str, root: Path | None) -> None:
    """Load image archives into every node of a lab; what is there already is left alone."""
    from cli.labimages import ctr_of
    from cli.labs import find_lab
    from lab.image.errors import ImageError
    from lab.image.load import load as load_image

    lab = find_lab(name, root)
    try:
        for archive in archives:
            for node in lab.paths.nodes:
                images = load_image(archive, socket=node.containerd_socket, ctr=ctr_of(lab))
                click.echo(f"{node.name}: {', '.join(image.reference for image in images)}")
    except ImageError as error:
        raise CliError(str(error)) from error
