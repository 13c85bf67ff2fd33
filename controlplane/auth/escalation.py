# SPDX-License-Identifier: Apache-2.0
"""Nobody gives away more than they hold: an admission plugin for roles and bindings.

Writing a role takes all of its rules (or the verb escalate upon it), binding one takes all of its rules (or the verb
bind upon it). A role that is a sum can come to hold anything, so it takes everything.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from controlplane.auth.names import MASTERS
from controlplane.auth.rbac import GROUP, RbacIndex
from controlplane.auth.rules import FULL, Rule, not_covered, rules_of
from controlplane.errors import ApiError, forbidden, not_found
from controlplane.request import Admission, Attributes, Authorizer, Operation, Reader

Json = dict[str, Any]
_ROLES: Final = {"roles", "clusterroles"}
_BINDINGS: Final = {"rolebindings", "clusterrolebindings"}


class RbacEscalation:
    """The plugin."""

    name = "RBACEscalation"

    def __init__(self, index: RbacIndex, authorizer: Authorizer, reader: Reader) -> None:
        """The index tells what users hold, the reader what the role of a binding says at this moment."""
        self._index = index
        self._authorizer = authorizer
        self._reader = reader

    async def mutate(self, admission: Admission) -> None:
        """Nothing is changed."""

    async def validate(self, admission: Admission) -> None:
        """Raise the 403 that names what the user does not hold."""
        asked, obj = admission.attributes, admission.object
        if asked.group != GROUP or obj is None or admission.operation is Operation.CONNECT:
            return
        if MASTERS in asked.user.groups:
            return
        if asked.resource in _ROLES:
            await self._role(asked, obj, admission.old)
        elif asked.resource in _BINDINGS:
            await self._binding(asked, obj, admission.old)

    async def _role(self, asked: Attributes, role: Json, old: Json | None) -> None:
        if old is not None and _same(role, old, "rules", "aggregationRule"):
            return
        name = role["metadata"].get("name", "")
        if await self._may(asked, "escalate", asked.resource, name):
            return
        becomes_sum = role.get("aggregationRule") and not (old and _same(role, old, "aggregationRule"))
        if becomes_sum and not_covered(self._index.rules(asked.user, ""), FULL):
            told = "must have cluster-admin privileges to use an aggregationRule"
            raise forbidden(GROUP, asked.resource, name, told)
        self._check(asked, name, rules_of(role))

    async def _binding(self, asked: Attributes, binding: Json, old: Json | None) -> None:
        if old is not None and _same(binding, old, "roleRef", "subjects"):
            return
        ref = binding.get("roleRef") or {}
        cluster = ref.get("kind") == "ClusterRole"
        plural, role_name = ("clusterroles" if cluster else "roles"), ref.get("name", "")
        if await self._may(asked, "bind", plural, role_name):
            return
        role = await self._reader.get(GROUP, plural, "" if cluster else asked.namespace, role_name)
        if role is None:
            raise not_found(GROUP, plural, role_name)
        self._check(asked, binding["metadata"].get("name", ""), rules_of(role))

    async def _may(self, asked: Attributes, verb: str, plural: str, name: str) -> bool:
        question = replace(asked, verb=verb, resource=plural, subresource="", name=name, field_selector="")
        return (await self._authorizer.authorize(question)).allowed

    def _check(self, asked: Attributes, name: str, rules: Iterable[Rule]) -> None:
        missing = not_covered(self._index.rules(asked.user, asked.namespace), rules)
        if missing:
            raise _escalates(asked, name, missing)


def _escalates(asked: Attributes, name: str, missing: Iterable[Rule]) -> ApiError:
    groups = " ".join(f'"{group}"' for group in asked.user.groups)
    told = "\n".join(str(rule) for rule in missing)
    why = (
        f'user "{asked.user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions '
        f"not currently held:\n{told}"
    )
    return forbidden(GROUP, asked.resource, name, why)


def _same(new: Json, old: Json, *fields: str) -> bool:
    return all((new.get(field) or None) == (old.get(field) or None) for field in fields)
