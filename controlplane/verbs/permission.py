# SPDX-License-Identifier: Apache-2.0
"""May this user do that? Asked for the request itself, and for what a verb does besides."""

from controlplane.auth.union import refusal
from controlplane.engine import Engine
from controlplane.request import Attributes, Decision


async def decide(engine: Engine, asked: Attributes) -> Decision:
    """The authorizer's answer; without an authorizer everything is allowed."""
    if engine.authorizer is None:
        return Decision(allowed=True)
    return await engine.authorizer.authorize(asked)


async def require(engine: Engine, asked: Attributes) -> None:
    """Raises ApiError 403 unless it is allowed."""
    decision = await decide(engine, asked)
    if not decision.allowed:
        raise refusal(asked, decision)
