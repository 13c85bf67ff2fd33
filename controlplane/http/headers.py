# SPDX-License-Identifier: Apache-2.0
"""Texts that clients send beside the body: any bytes may be in them, and some of them are kept and told on."""

from typing import Final

from aiohttp import web

from controlplane.errors import bad_request

_LONGEST_AGENT: Final = 1024


def printable(text: str) -> str:
    """With bytes that are no UTF-8 (surrogates, as aiohttp gives them) written out: for logs and stored objects."""
    return text.encode("utf-8", "backslashreplace").decode()


def user_agent(request: web.BaseRequest) -> str:
    """The program that asks, by its own account."""
    return printable(request.headers.get("User-Agent", "")[:_LONGEST_AGENT])


def check_texts(request: web.BaseRequest) -> None:
    """Raises ApiError 400 for a target that is not ASCII (RFC 9112, 3.2), and for credentials that are not UTF-8."""
    if not request.raw_path.isascii():
        raise bad_request("the URL has to be ASCII: encode other characters by %XX")
    for name, value in request.headers.items():
        if name.lower().startswith(("impersonate-", "authorization")) and not _is_text(name + value):
            raise bad_request(f"the header {printable(name)[:80]} has to be UTF-8")


def _is_text(text: str) -> bool:
    return printable(text) == text
