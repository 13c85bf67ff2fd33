# SPDX-License-Identifier: Apache-2.0
"""What the runtime executes: this text, with a shebang before it and a call of main() after it (install.py).

Python's own start is most of an ADD's time, so nothing is imported that is not built into the interpreter, and the
text is short because it is compiled at every start. frame.py explains what is written and read here. When nobody
answers, the same code as in the daemon does the work in this process.
"""

import _socket
import posix
import sys

BUSY = (
    b'{"cniVersion": "1.0.0", "code": 11, "msg": "the network daemon did not answer in time; '
    b'it may still be at work, so nothing was done here"}\n'
)


def main(path: str, imports: list[str], seconds: float) -> None:
    """Answer the runtime and end the process; waits `seconds` at most for the daemon on the socket at `path`."""
    stdin = read_all()
    try:
        answer = ask(path, stdin, seconds)
    except TimeoutError:
        answer = 1, BUSY
    except OSError:
        answer = None
    code, stdout = answer or work(imports, stdin)
    while stdout:
        stdout = stdout[posix.write(1, stdout) :]
    posix._exit(code)  # noqa: SLF001 - the interpreter's tidying up would cost another millisecond


def read_all() -> bytes:
    """Standard input to its end."""
    data = b""
    while more := posix.read(0, 65536):
        data += more
    return data


def ask(path: str, stdin: bytes, seconds: float) -> tuple[int, bytes] | None:
    """Exit code and standard output from the daemon; None when this process is to do the work."""
    pairs = [name + b"=" + value for name, value in posix.environ.items() if name.startswith(b"CNI_")]
    environment = b"\0".join(pairs)
    namespace = posix.readlink("/proc/self/ns/net")
    header = f"orlop-cni 1 {len(environment)} {len(stdin)} {namespace}\n"
    daemon = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    daemon.settimeout(seconds)
    daemon.connect(path)
    daemon.sendall(header.encode() + environment + stdin)
    data = b""
    while more := daemon.recv(65536):
        data += more
    first, _, stdout = data.partition(b"\n")
    fields = first.split(b" ")
    if len(fields) != 4 or fields[2] == b"decline" or int(fields[3]) != len(stdout):
        return None  # it died midway, or wants us to do it
    return int(fields[2]), stdout


def work(imports: list[str], stdin: bytes) -> tuple[int, bytes]:
    """Exit code and standard output of the plugin in this process."""
    sys.path[:0] = imports
    try:
        import os

        from netplugin.main import answer

        made = answer(os.environ, stdin)
    except Exception as error:  # noqa: BLE001 - the runtime must get an answer that it can read
        import json

        text = f"cannot load the network plugin from {imports}: {error!r}; install it again"
        return 1, json.dumps({"cniVersion": "1.0.0", "code": 999, "msg": text}).encode() + b"\n"
    return made.code, made.stdout
