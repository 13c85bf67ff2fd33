# SPDX-License-Identifier: Apache-2.0
"""How long each kind of call may take. Every call has a deadline; `cri.methods` says which."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A runtime that is slow under load must not be given up on: a call given up may still take
    effect.

    read: status, lists and statistics, including the wait for a runtime that is starting.
    change: every change without a row of its own.
    run_sandbox, stop_sandbox: these wait for the CNI plugin.
    pull: one image, over whatever network there is.
    stop_margin, exec_margin: on top of the time that the caller gives the container or the command.
    """

    read: float = 30
    change: float = 120
    run_sandbox: float = 240
    stop_sandbox: float = 120
    pull: float = 1800
    stop_margin: float = 30
    exec_margin: float = 15
