# SPDX-License-Identifier: Apache-2.0
"""The `orlop` command itself. A subcommand's module is imported only when it is asked for, so each starts fast."""

import importlib
import os
import sys

import click

# name -> module and the line that --help shows for it, in the order of a user's day
COMMANDS = {
    "up": ("cli.up", "Bring a node and a control plane up on this machine."),
    "status": ("cli.status", "Show nodes, pods, addresses and limits."),
    "logs": ("cli.logs", "Print what a container wrote."),
    "exec": ("cli.exec", "Run a command in a container."),
    "plan": ("cli.plan", "Print what a node would do for a manifest, without doing it."),
    "explain": ("cli.explain", "Say what a pod waits for, and what would unblock it."),
    "down": ("cli.down", "Take everything away that `up` made."),
    "kubeconfig": ("cli.kubeconfig", "Print the path of a kubeconfig for kubectl."),
    "image": ("cli.image", "Build and load images without a registry."),
    "check-config": ("cli.checkconfig", "Check a node's configuration, or print an example."),
    "node": ("cli.node", "Run a node's daemons: agent and network."),
    "controlplane": ("cli.controlplane", "Run the control plane: the Kubernetes API."),
    "agent": ("cli.agent", "Run the agent (the kubelet) alone."),
    "netd": ("cli.netd", "Run the network plugin's daemon alone."),
}


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; each has its command under the name `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="orlop", prog_name="orlop")
def cli() -> None:
    """Orlop: a Kubernetes node in Python that you can read, ask and trust."""


def main() -> None:
    """The entry point; with ORLOP_DEBUG set, errors keep their traceback."""
    if os.environ.get("ORLOP_DEBUG"):
        cli(standalone_mode=False)
        return
    try:
        cli()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


if __name__ == "__main__":
    main()
