# SPDX-License-Identifier: Apache-2.0
"""RBAC as slowly and plainly as it can be said: every binding, every subject, every rule, every time."""

from typing import Any

from controlplane.request import Attributes, User

Json = dict[str, Any]


def allows(objects: list[Json], asked: Attributes) -> bool:
    """Whether any binding among the objects gives the user a role with a rule that fits."""
    if "system:masters" in asked.user.groups:
        return True
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        namespace = binding["metadata"].get("namespace", "")
        if binding["kind"] == "RoleBinding" and (not asked.resource or namespace != asked.namespace):
            continue
        if not any(_is(subject, asked.user, namespace) for subject in binding.get("subjects", [])):
            continue
        if any(_fits(rule, asked) for rule in _rules(objects, binding)):
            return True
    return False


def _is(subject: Json, user: User, namespace: str) -> bool:
    if subject["kind"] == "User":
        return bool(subject["name"] == user.name)
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    owner = subject.get("namespace") or namespace
    return bool(owner) and user.name == f"system:serviceaccount:{owner}:{subject['name']}"


def _rules(objects: list[Json], binding: Json) -> list[Json]:
    ref = binding["roleRef"]
    namespace = binding["metadata"].get("namespace", "") if ref["kind"] == "Role" else ""
    for role in objects:
        place = role["metadata"].get("namespace", "")
        if role["kind"] == ref["kind"] and role["metadata"]["name"] == ref["name"] and place == namespace:
            return list(role.get("rules", []))
    return []


def _fits(rule: Json, asked: Attributes) -> bool:
    if not {"*", asked.verb} & set(rule["verbs"]):
        return False
    if not asked.resource:
        return any(_url(pattern, asked.path) for pattern in rule.get("nonResourceURLs", []))
    if not {"*", asked.group} & set(rule.get("apiGroups", [])):
        return False
    names = rule.get("resourceNames", [])
    if names and asked.name not in names:
        return False
    wanted = {"*", asked.resource}
    if asked.subresource:
        wanted = {"*", f"{asked.resource}/{asked.subresource}", f"*/{asked.subresource}"}
    return bool(wanted & set(rule.get("resources", [])))


def _url(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern.rstrip("*"))
    return pattern == path
