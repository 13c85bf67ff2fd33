# SPDX-License-Identifier: Apache-2.0
"""The lab's only door to other programs."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

Prepare = Callable[[], tuple[str, ...]]
"""What a new process does before it becomes its program, and the words that it adds to the command."""

CANNOT_EXECUTE = 127
"""The exit code of a process that could not become its program, as in a shell."""


def output(command: Sequence[str], timeout: float = 10.0) -> str:
    """What a short command prints; LabError when it fails or needs longer than `timeout` seconds."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    except FileNotFoundError as error:
        raise LabError(f"cannot run `{shlex.join(command)}`: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"`{shlex.join(command)}` failed: {error.stderr.strip() or error}") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{shlex.join(command)}` did not end within {timeout:.0f} s") from error
    return result.stdout


def start_supervisor(root: Path, environ: Mapping[str, str], log: Path, lock: int) -> None:
    """Start the lab's supervisor; returns when it has gone to the background. Its output goes to `log`.

    lock: the descriptor of the lab's lock. The supervisor shares it until `down` can find it, so that no `down` comes
    in between when the caller is killed.
    """
    command = (sys.executable, "-P", "-m", "lab.supervisor", str(root), str(lock))
    with log.open("ab") as stream:
        code = subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            pass_fds=(lock,),
            cwd="/",
            start_new_session=True,
            check=False,
        ).returncode
    if code:
        raise LabError(f"cannot start the supervisor: `{shlex.join(command)}` ended with {code}; see {log}")


def go_to_background() -> None:
    """Leave the caller's process group, session and wait: the process goes on as an orphan."""
    if os.fork():
        os._exit(0)
    os.setsid()


def start(command: Sequence[str], environ: Mapping[str, str], log: Path, prepare: Prepare) -> int:
    """Start a process in a session of its own and return its pid; only for processes with a single thread.

    `prepare` runs in the new process just before it becomes the program. What goes wrong in there is written to
    `log`, and the process ends with CANNOT_EXECUTE: to the caller it is one that died at once.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(command, environ, log, prepare)
    except BaseException as error:  # noqa: BLE001 - the new process must not return into its parent's code
        os.write(2, f"cannot run `{shlex.join(command)}`: {error}\n".encode())
    finally:
        os._exit(CANNOT_EXECUTE)


def _become(command: Sequence[str], environ: Mapping[str, str], log: Path, prepare: Prepare) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    stream = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (stream, 1), (stream, 2)):
        os.dup2(source, target)
    # Python ignores these, and what is ignored stays so in the program.
    for name in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    words = prepare()
    os.execvpe(command[0], [*command, *words], dict(environ))
