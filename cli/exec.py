# SPDX-License-Identifier: Apache-2.0
"""`orlop exec`: a command in a container, its input and output over a websocket to the node's agent.

The protocol is Kubernetes' channel.k8s.io: the first byte of each message is the channel, 0 stdin, 1 stdout,
2 stderr, 3 how it ended (a Status), 4 the terminal's size; version 5 can also close stdin (channel 255).
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import termios
import threading
import tty as terminal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import click

from cli.errors import CliError
from cli.options import lab_options, namespace_option, pod_name

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STILL_OPEN = (
    "orlop: this containerd cannot be told over a websocket that the input has ended: a command that reads to "
    "the end goes on waiting; press Ctrl-C, or use one that knows where to stop, such as head -c"
)
STDIN, STDOUT, STDERR, ENDED, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@lab_options
@namespace_option
@click.option("-c", "--container", help="The container; the pod's first one unless given.")
@click.option("-i", "--stdin", is_flag=True, help="Send this command's input.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
@click.argument("pod")
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
def command(
    name: str,
    root: Path | None,
    namespace: str,
    container: str | None,
    pod: str,
    words: tuple[str, ...],
    *,
    stdin: bool,
    tty: bool,
) -> None:
    """Run COMMAND in a container of POD and end with its exit code. Options come before POD."""
    from cli.labs import find_lab, find_pod

    namespace, pod = pod_name(pod, namespace)
    node, found = find_pod(find_lab(name, root), namespace, pod)
    container = container or found["spec"]["containers"][0]["name"]
    words = words[1:] if words[0] == "--" else words
    query = [("command", word) for word in words]
    query += [("stdin", str(stdin).lower()), ("tty", str(tty).lower()), ("stdout", "true")]
    query += [("stderr", str(not tty).lower())]
    path = f"/exec/{quote(namespace)}/{quote(pod)}/{quote(str(container))}?{urlencode(query)}"
    with _raw_terminal() if tty and sys.stdin.isatty() else contextlib.nullcontext():
        code = asyncio.run(_run(node.agent_socket, path, stdin=stdin, tty=tty))
    sys.exit(code)


async def _run(agent_socket: Path, path: str, *, stdin: bool, tty: bool) -> int:
    connector = aiohttp.UnixConnector(str(agent_socket))
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            async with session.ws_connect(
                f"http://agent{path}", protocols=PROTOCOLS, max_msg_size=0
            ) as socket:
                return await _talk(socket, stdin=stdin, tty=tty)
        except aiohttp.WSServerHandshakeError as error:
            raise CliError(f"cannot run the command: {await _reason(session, path, error)}") from error
        except aiohttp.ClientConnectorError as error:
            raise CliError(f"the agent does not answer on {agent_socket}: {error}") from error


async def _reason(session: aiohttp.ClientSession, path: str, error: aiohttp.WSServerHandshakeError) -> str:
    """The refusal's text, which a failed handshake hides; a refused command has done nothing, so asking is safe."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with session.get(f"http://agent{path}", headers=headers) as answer:
        return (await answer.text()).strip() or error.message


async def _talk(socket: aiohttp.ClientWebSocketResponse, *, stdin: bool, tty: bool) -> int:
    tasks = []
    if stdin:
        tasks.append(asyncio.create_task(_send_stdin(socket)))
    if tty:
        tasks.append(asyncio.create_task(_send_sizes(socket)))
    try:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                code = _receive(message.data[0], message.data[1:])
                if code is not None:
                    return code
        raise CliError("the connection ended before the command did")
    finally:
        for task in tasks:
            task.cancel()


def _receive(channel: int, data: bytes) -> int | None:
    """Write output where it belongs; the exit code when the command has ended."""
    if channel in (STDOUT, STDERR):
        stream = sys.stdout if channel == STDOUT else sys.stderr
        stream.buffer.write(data)
        stream.buffer.flush()
        return None
    return exit_code(json.loads(data)) if channel == ENDED and data else None


def exit_code(status: dict[str, object]) -> int:
    """The exit code that a Status tells: 0 for Success, else the cause named ExitCode."""
    if status.get("status") == "Success":
        return 0
    details = status.get("details")
    causes = details.get("causes", []) if isinstance(details, dict) else []
    for cause in causes:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise CliError(f"the command could not be run: {status.get('message', 'no reason given')}")


async def _send_stdin(socket: aiohttp.ClientWebSocketResponse) -> None:
    chunks = _read_stdin()
    while data := await chunks.get():
        await socket.send_bytes(bytes([STDIN]) + data)
    if socket.protocol == PROTOCOLS[0]:
        await socket.send_bytes(bytes([CLOSE, STDIN]))
    else:
        click.echo(STILL_OPEN, err=True)


def _read_stdin() -> asyncio.Queue[bytes]:
    """Read in a thread: stdin may be a file, which an event loop cannot wait for. Empty bytes are the end."""
    loop, chunks = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def read() -> None:
        data = b"-"
        while data:
            data = os.read(sys.stdin.fileno(), 32 * 1024)
            loop.call_soon_threadsafe(chunks.put_nowait, data)

    threading.Thread(target=read, daemon=True).start()
    return chunks


async def _send_sizes(socket: aiohttp.ClientWebSocketResponse) -> None:
    changed = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, changed.set)
    while True:
        size = shutil.get_terminal_size()
        data = json.dumps({"Width": size.columns, "Height": size.lines}).encode()
        await socket.send_bytes(bytes([RESIZE]) + data)
        await changed.wait()
        changed.clear()


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Every key goes to the container; the terminal is put back as it was, whatever happens."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    terminal.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
