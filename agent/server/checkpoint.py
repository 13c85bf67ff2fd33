# SPDX-License-Identifier: Apache-2.0
"""POST /checkpoint/{namespace}/{pod}/{container}: the container's state to a file, where the runtime can."""

from datetime import UTC, datetime

from aiohttp import web

from agent.server.answers import ANSWERS, find_pod
from cri import CriError, Unimplemented


async def checkpoint(request: web.Request) -> web.Response:
    """{"items": [path]}, the file on the node; ?timeout= gives the runtime so many seconds."""
    folder = request.app[ANSWERS].checkpoints
    if folder is None:
        raise web.HTTPNotFound(text="this node has no folder for checkpoints\n")
    found = find_pod(request)
    name = request.match_info["container"]
    container_id = found.running(name)
    timeout = request.query.get("timeout", "0")
    if not (timeout.isascii() and timeout.isdigit() and len(timeout) < 7):
        raise web.HTTPBadRequest(text=f"timeout has to be a number of seconds, not {timeout[:40]!r}\n")
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = folder / f"checkpoint-{found.key.name}_{found.key.namespace}-{name}-{moment}.tar"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        await request.app[ANSWERS].runtime.checkpoint_container(
            container_id, location=str(path), timeout=int(timeout)
        )
    except Unimplemented as error:
        raise web.HTTPNotImplemented(text=f"{error}\n") from error
    except CriError as error:
        raise web.HTTPInternalServerError(
            text=f"checkpointing of {found.key}/{name} failed: {error}\n"
        ) from error
    return web.json_response({"items": [str(path)]})
