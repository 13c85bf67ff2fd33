# SPDX-License-Identifier: Apache-2.0
"""Ask a node's agent over its unix socket; the standard library's HTTP keeps `orlop status` quick."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from cli.errors import CliError

TIMEOUT = 5.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


class AgentUnreachableError(CliError):
    """The agent does not answer; pods may well be running."""


def get(agent_socket: Path, path: str) -> Any:
    """GET a JSON document from the agent; raises AgentUnreachableError, or CliError with the agent's words."""
    connection = _UnixConnection(agent_socket)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise AgentUnreachableError(
            f"the agent does not answer on {agent_socket} ({error}); pods run on without it. "
            "See `orlop status` for its process and the node's log for why"
        ) from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise CliError(f"the agent refused {path}: {body.decode(errors='replace').strip()}")
    return json.loads(body)
