# SPDX-License-Identifier: Apache-2.0
"""May this user do that? Asked for the request itself, and for what a verb does besides."""

from controlplane.auth.union import refusal
from controlplane.engine import Engine
from controlplane.request import Attributes


async def require(engine: Engine, asked: Attributes) -> None:
    """Raises ApiError 403 unless the authorizer allows it. Without an authorizer everything is allowed."""
    if engine.authorizer is None:
        return
    decision = await engine.authorizer.authorize(asked)
    if not decision.allowed:
        raise refusal(asked, decision)
