# SPDX-License-Identifier: Apache-2.0
"""The plugin in one process that kills itself: `python -m tests.support.pluginrun N [FOLDER]` in a namespace.

It dies at the N-th boundary of the plan, or, with a folder, just before the N-th file operation below that folder.
"""

import os
import sys
from pathlib import Path

from netplugin.main import answer
from tests.support.netdaemon import Killer

FILE_EVENTS = frozenset({"open", "os.link", "os.mkdir", "os.remove", "os.rename"})


def watch(folder: str, killer: Killer) -> None:
    """Have every file operation below the folder announced to the killer (sys.addaudithook)."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in FILE_EVENTS and str(arguments[0]).startswith(folder):
            killer(event)

    sys.addaudithook(hook)


def main() -> None:
    stdin = sys.stdin.buffer.read()
    killer = Killer(int(sys.argv[1]))
    if len(sys.argv) > 2:
        watch(str(Path(sys.argv[2])), killer)
        made = answer(os.environ, stdin)
    else:
        made = answer(os.environ, stdin, step=killer)
    sys.stdout.buffer.write(made.stdout)
    sys.stdout.flush()
    os._exit(made.code)


if __name__ == "__main__":
    main()
