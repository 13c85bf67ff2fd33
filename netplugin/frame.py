# SPDX-License-Identifier: Apache-2.0
"""How shim and daemon talk: one request and one answer per connection, a line of numbers and then bytes.

    orlop-cni 1 <bytes of environment> <bytes of standard input> <network namespace>\\n
    NAME=VALUE\\0NAME=VALUE ... standard input

    orlop-cni 1 <exit code, or "decline"> <bytes of standard output>\\n
    standard output

The shim has its own few lines for this (shim.py), because it must import nothing. "decline" means: do it
yourself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netplugin.errors import DaemonError

GREETING = b"orlop-cni 1"
DECLINE = "decline"

MAX_HEADER = 256
MAX_ENVIRONMENT = 64 * 1024
MAX_STDIN = 1024 * 1024

Receive = Callable[[int], bytes]
"""At most that many bytes that have arrived; b"" at the end, like socket.recv."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the runtime gave the shim, and the shim's network namespace ("net:[4026531840]")."""

    environ: Mapping[str, str]
    stdin: bytes
    namespace: str


def read_call(receive: Receive) -> Call:
    """One request; DaemonError for anything that is not one."""
    header, rest = _read_header(receive)
    fields = header.split(b" ")
    if len(fields) != 5 or b" ".join(fields[:2]) != GREETING:
        raise DaemonError(f"cannot read a request: it begins with {header[:40]!r}")
    environment_size = _read_size(fields[2], MAX_ENVIRONMENT)
    stdin_size = _read_size(fields[3], MAX_STDIN)
    body = _read_body(receive, rest, environment_size + stdin_size)
    pairs = body[:environment_size].decode(errors="surrogateescape").split("\0")
    environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return Call(environ, body[environment_size:], fields[4].decode(errors="replace"))


def encode_answer(code: int | str, stdout: bytes) -> bytes:
    """The answer with an exit code, or DECLINE in its place."""
    return GREETING + f" {code} {len(stdout)}\n".encode() + stdout


def _read_header(receive: Receive) -> tuple[bytes, bytes]:
    data = b""
    while b"\n" not in data:
        if len(data) > MAX_HEADER:
            raise DaemonError(f"cannot read a request: no line in the first {MAX_HEADER} bytes")
        data += _more(receive)
    header, _, rest = data.partition(b"\n")
    return header, rest


def _read_body(receive: Receive, rest: bytes, size: int) -> bytes:
    data = bytearray(rest)
    while len(data) < size:
        data += _more(receive)
    if len(data) > size:
        raise DaemonError(f"cannot read a request: {len(data) - size} bytes too many")
    return bytes(data)


def _more(receive: Receive) -> bytes:
    data = receive(65536)
    if not data:
        raise DaemonError("cannot read a request: it ends early")
    return data


def _read_size(field: bytes, limit: int) -> int:
    if not field.isdigit() or len(field) > 9 or int(field) > limit:
        raise DaemonError(f"cannot read a request: the size {field[:20]!r} is not 0 to {limit}")
    return int(field)
