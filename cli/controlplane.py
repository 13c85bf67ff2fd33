# SPDX-License-Identifier: Apache-2.0
"""`orlop controlplane`: the Kubernetes API server."""

import socket
from pathlib import Path

import click

from cli.controlplanebackup import backup, restore
from cli.daemon import run_daemon
from cli.errors import CliError


@click.group("controlplane", invoke_without_command=True)
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file (kind ControlPlaneConfig).",
)
@click.option(
    "--listen-fd",
    type=int,
    help="An inherited TCP socket, bound by whoever starts this, to answer beside the configured address.",
)
@click.pass_context
def command(ctx: click.Context, config_path: Path | None, listen_fd: int | None) -> None:
    """Run the control plane: the Kubernetes API over TLS, with certificates and store of its own."""
    if ctx.invoked_subcommand is not None:
        if config_path or listen_fd is not None:
            raise click.UsageError(
                f"write options behind the command: controlplane {ctx.invoked_subcommand} ..."
            )
        return
    if config_path is None:
        raise click.UsageError("Missing option '--config'.")
    _run(config_path, listen_fd)


command.add_command(backup)
command.add_command(restore)


def _run(config_path: Path, listen_fd: int | None) -> None:
    from cli.controlplaneconfig import read_config
    from controlplane.auth.errors import AuthError
    from controlplane.errors import ConfigError
    from controlplane.main import serve
    from controlplane.store.errors import StoreError

    listener = None if listen_fd is None else inherited(listen_fd)
    run_daemon(serve(read_config(config_path), listener), (AuthError, ConfigError, StoreError))


def inherited(descriptor: int) -> socket.socket:
    """The socket of this descriptor; CliError when it is none that connections could come by."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        raise CliError(f"cannot use descriptor {descriptor} to listen: {error.strerror}") from error
    if found.type != socket.SOCK_STREAM or found.family not in {socket.AF_INET, socket.AF_INET6}:
        raise CliError(f"cannot use descriptor {descriptor} to listen: it is no TCP socket")
    # What this process starts must not keep the port.
    found.set_inheritable(False)
    return found
