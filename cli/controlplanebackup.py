# SPDX-License-Identifier: Apache-2.0
"""`orlop controlplane backup` and `orlop controlplane restore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.errors import CliError
from cli.options import lab_options

if TYPE_CHECKING:
    from lab import Lab

_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The control plane's configuration file, in place of a lab.",
)


@click.command("backup")
@_config_option
@lab_options
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def backup(config_path: Path | None, name: str, root: Path | None, target: Path) -> None:
    """Copy a control plane, which may run on, into one file: its objects, its authority and its token key.

    Who has the file can do everything in the cluster. With etcd, use etcd's own snapshots.
    """
    from cli.controlplaneconfig import read_config
    from controlplane.backup.save import back_up

    path, _ = _place(config_path, name, root)
    with _told():
        made = back_up(read_config(path), target, datetime.now(UTC))
    click.echo(f"{target}: {target.stat().st_size} bytes, revision {made.revision}, {made.madeAt}")


@click.command("restore")
@_config_option
@lab_options
@click.option("--force", is_flag=True, help="Replace the objects and keys that are there.")
@click.argument("source", metavar="BACKUP", type=click.Path(dir_okay=False, path_type=Path))
def restore(config_path: Path | None, name: str, root: Path | None, *, force: bool, source: Path) -> None:
    """Make a control plane of a backup. The control plane must not run, but for a lab's, which is restarted.

    The whole backup is checked before anything is changed. Clients have to list again: their watches end with 410.
    """
    from cli.controlplaneconfig import read_config
    from controlplane.backup.restore import restore as put_back

    path, lab = _place(config_path, name, root)
    config = read_config(path)
    with _told():
        done = put_back(config, source, replace=force, make_free=lab.end_controlplane if lab else None)
    click.echo(
        f"{config.store}: restored from {source} of {done.manifest.madeAt}, revision {done.manifest.revision}; "
        f"revisions go on at {done.first_revision}"
    )


def _place(config_path: Path | None, name: str, root: Path | None) -> "tuple[Path, Lab | None]":
    """The configuration file that is meant, and the lab that it belongs to, if one was named."""
    from cli.labs import find_lab

    context = click.get_current_context()
    named = [option for option in ("name", "root") if _is_given(context, option)]
    if config_path is not None:
        if named:
            raise click.UsageError(
                f"--config names a control plane, and so does --{named[0]}: use one of them"
            )
        return config_path, None
    lab = find_lab(name, root)
    if not lab.spec.controlplane:
        raise CliError(f"lab {lab.spec.name} in {lab.paths.root} has no control plane")
    return lab.paths.controlplane.config, lab


def _is_given(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


@contextmanager
def _told() -> Iterator[None]:
    """The components' errors as the command's."""
    from controlplane.auth.errors import AuthError
    from controlplane.backup.errors import BackupError
    from controlplane.errors import ConfigError
    from controlplane.store.errors import StoreError
    from lab import LabError

    try:
        yield
    except (AuthError, BackupError, ConfigError, LabError, StoreError) as error:
        raise CliError(str(error)) from error
