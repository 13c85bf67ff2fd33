# SPDX-License-Identifier: Apache-2.0
"""Several authorizers in order, and a refusal in the words that kubectl's users know."""

from collections.abc import Sequence

from controlplane.errors import ApiError, forbidden
from controlplane.request import Attributes, Authorizer, Decision


class UnionAuthorizer:
    """The first that allows or denies decides; reasons of those without an opinion are kept."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        """In the order in which they are asked."""
        self._authorizers = tuple(authorizers)

    async def authorize(self, attributes: Attributes) -> Decision:
        """Allow, deny, or have no opinion, which a server takes as no."""
        reasons = []
        for authorizer in self._authorizers:
            decision = await authorizer.authorize(attributes)
            if decision.allowed or decision.denied:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(reason=", ".join(reasons))


def told(attributes: Attributes) -> str:
    """What was tried: User "x" cannot list resource "pods" in API group "" in the namespace "default"."""
    if not attributes.is_resource:
        return f'User "{attributes.user.name}" cannot {attributes.verb} path "{attributes.path}"'
    resource = attributes.resource
    if attributes.subresource:
        resource = f"{resource}/{attributes.subresource}"
    where = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    return (
        f'User "{attributes.user.name}" cannot {attributes.verb} resource "{resource}" '
        f'in API group "{attributes.group}" {where}'
    )


def refusal(attributes: Attributes, decision: Decision) -> ApiError:
    """The 403 for a decision that does not allow."""
    why = told(attributes)
    if decision.reason:
        why = f"{why}: {decision.reason}"
    if not attributes.is_resource:
        return ApiError(403, "Forbidden", f"forbidden: {why}")
    return forbidden(attributes.group, attributes.resource, attributes.name, why)
