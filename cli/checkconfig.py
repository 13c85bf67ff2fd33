# SPDX-License-Identifier: Apache-2.0
"""`orlop check-config`: whether a node's configuration can be used, and an example that shows every option."""

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import click

from cli.config import NodeConfig, read_config
from cli.errors import CliError
from kube.config import from_file
from kube.errors import ConfigurationError


@click.command("check-config")
@click.option("--example", is_flag=True, help="Print a file with every option, its meaning and its default.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def command(file: Path | None, *, example: bool) -> None:
    """Check FILE, a node's configuration (NodeConfig), and the files that it names, without starting anything."""
    if example:
        click.echo(example_text(), nl=False)
        return
    if file is None:
        raise CliError("no file given: name the node's configuration, or ask for --example")
    config = read_config(file)
    problems = list(missing(config))
    if problems:
        raise CliError(f"cannot use the node configuration {file}:\n" + "\n".join(f"  {p}" for p in problems))
    joins = f"joins {from_file(Path(config.api.kubeconfig)).server}" if config.api else "stands alone"
    click.echo(f"{file} is in order: node {config.name} {joins}")


def example_text() -> str:
    """The example file, comments included."""
    return (files("cli") / "examples" / "node.yaml").read_text()


def missing(config: NodeConfig) -> Iterator[str]:
    """A line for every file that the configuration needs and this machine does not have."""
    if config.api is None:
        return
    api = config.api
    for field, path in (
        ("api.servingCertificate", api.servingCertificate),
        ("api.servingKey", api.servingKey),
        ("api.clientAuthority", api.clientAuthority),
    ):
        if not os.access(path, os.R_OK):
            yield f"{field}: {path} cannot be read"
    try:
        from_file(Path(api.kubeconfig))
    except ConfigurationError as error:
        yield f"api.kubeconfig: {error}"
