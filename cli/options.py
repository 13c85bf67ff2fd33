# SPDX-License-Identifier: Apache-2.0
"""Options that several subcommands share: which lab, which pod, how to print."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from cli.errors import CliError

F = TypeVar("F", bound=Callable[..., Any])


def lab_options(function: F) -> F:
    """--name and --root: which lab is meant."""
    name = click.option("--name", default="orlop", show_default=True, help="The lab's name.")
    root = click.option(
        "--root",
        type=click.Path(file_okay=False, path_type=Path),
        help="The lab's folder.  [/var/lib/orlop/NAME]",
    )
    return name(root(function))


output_option = click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True
)
namespace_option = click.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace."
)


def pod_name(text: str, namespace: str) -> tuple[str, str]:
    """A pod as the user names it, "web", "pod/web" or "shop/web", as namespace and name."""
    text = text.removeprefix("pod/").removeprefix("pods/")
    if text.count("/") > 1:
        raise CliError(f"cannot tell which pod {text!r} is: write NAME, or NAMESPACE/NAME")
    before, slash, name = text.rpartition("/")
    return (before, name) if slash else (namespace, text)


def print_data(data: object, output: str) -> None:
    """Print plain data as JSON or YAML."""
    if output == "json":
        click.echo(json.dumps(data, indent=2))
    else:
        click.echo(yaml.safe_dump(data, sort_keys=False), nl=False)
