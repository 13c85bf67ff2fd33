# SPDX-License-Identifier: Apache-2.0
"""Documents that other parts make, under their first part of the path."""

import asyncio
from typing import Final

from aiohttp import web

from controlplane.auth.tokens import TokenIssuer
from controlplane.errors import ApiError
from controlplane.openapi.answer import OpenApi

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_JWKS: Final = "/openid/v1/jwks"


class OpenApiMount:
    """/openapi."""

    def __init__(self, documents: OpenApi) -> None:
        self._documents = documents

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer GET and HEAD. Documents are made in a thread: the first one takes a while."""
        _only_reads(request)
        code, headers, body = await asyncio.to_thread(
            self._documents.answer,
            request.raw_path.partition("?")[0],
            request.headers.get("Accept", "*/*"),
            request.headers.get("If-None-Match", ""),
            accept_encoding=request.headers.get("Accept-Encoding", ""),
        )
        return web.Response(status=code, headers=headers, body=body)


class OpenIdMount:
    """How others verify the tokens of service accounts: /.well-known/openid-configuration and /openid/v1/jwks."""

    def __init__(self, tokens: TokenIssuer, server: str) -> None:
        self._tokens = tokens
        self._server = server

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer GET and HEAD."""
        _only_reads(request)
        path = request.raw_path.partition("?")[0].rstrip("/")
        if path == _WELL_KNOWN:
            return web.json_response(self._tokens.discovery(self._server))
        if path == _JWKS:
            return web.json_response(self._tokens.keys.jwks(), content_type="application/jwk-set+json")
        raise ApiError(404, "NotFound", "the server could not find the requested resource")


def _only_reads(request: web.BaseRequest) -> None:
    if request.method not in ("GET", "HEAD"):
        raise ApiError(405, "MethodNotAllowed", f"the server does not allow {request.method} here: only GET")
