# SPDX-License-Identifier: Apache-2.0
"""How refusals look: plain text, as the kubelet's, or a v1 Status for clients that ask for JSON, as kubectl does.

An API server that reads the answer itself makes a Status of the text; one that hands it through leaves that to us.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    500: "InternalError",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}


@web.middleware
async def tell_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One request a connection: a client that goes on slowly holds nothing."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = _told(request, error)
    response.force_close()
    return response


def _told(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    text = (error.text or error.reason).rstrip("\n")
    if "application/json" not in request.headers.get("Accept", ""):
        return web.Response(status=error.status, text=f"{text}\n")
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": text,
        "reason": _REASONS.get(error.status, "Unknown"),
        "code": error.status,
    }
    return web.json_response(status, status=error.status)
