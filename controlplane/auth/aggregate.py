# SPDX-License-Identifier: Apache-2.0
"""ClusterRoles that are the sum of others: what their rules have to be (the controller's part, pure)."""

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]


def aggregated_rules(role: Json, roles: Iterable[Json]) -> list[Json] | None:
    """The rules that this ClusterRole has to have, None if it is not aggregated.

    Those of every other role that one of its selectors chooses, in order of names, each once. The role itself is
    never part of the sum, so a role cannot keep what no other role gives.
    """
    if "aggregationRule" not in role:
        return None
    selectors = (role["aggregationRule"] or {}).get("clusterRoleSelectors") or ()
    name = role["metadata"]["name"]
    others = sorted((other for other in roles if other["metadata"]["name"] != name), key=_name)
    rules: list[Json] = []
    for other in others:
        if any(selects(selector, other["metadata"].get("labels") or {}) for selector in selectors):
            rules.extend(rule for rule in other.get("rules") or () if rule not in rules)
    return rules


def outdated(roles: Iterable[Json]) -> list[Json]:
    """Copies of the aggregated roles whose rules are not the sum, corrected; sums of sums settle by repetition."""
    present = list(roles)
    found = []
    for role in present:
        rules = aggregated_rules(role, present)
        if rules is not None and rules != (role.get("rules") or []):
            found.append({**role, "rules": rules})
    return found


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """metav1.LabelSelector: all of matchLabels and matchExpressions; an empty selector chooses everything."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_matches(expression, labels) for expression in selector.get("matchExpressions") or ())


def _matches(expression: Json, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def _name(role: Json) -> str:
    return str(role["metadata"]["name"])
