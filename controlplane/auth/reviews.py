# SPDX-License-Identifier: Apache-2.0
"""Answers to questions about who one is and may do: the create handlers of kinds that are never stored."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from controlplane.auth.authenticate import Authenticator
from controlplane.auth.errors import TokenError
from controlplane.auth.names import node_of
from controlplane.auth.rbac import RbacIndex
from controlplane.auth.rules import Rule
from controlplane.auth.times import Clock, written
from controlplane.errors import Cause, bad_request, invalid
from controlplane.request import Attributes, Authorizer, User

Json = dict[str, Any]
Answer = Callable[[Json, User, str], Awaitable[Json]]
AUTHENTICATION: Final = "authentication.k8s.io"
AUTHORIZATION: Final = "authorization.k8s.io"


class Reviews:
    """One method a kind, from the body, the caller and the URL's namespace to the object with its status."""

    def __init__(
        self, authenticator: Authenticator, authorizer: Authorizer, index: RbacIndex, clock: Clock
    ) -> None:
        """The authorizer is the whole union, the index RBAC's part, which can list rules."""
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._index = index
        self._clock = clock

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The methods by kind."""
        return {
            "SubjectAccessReview": self.subject_access,
            "LocalSubjectAccessReview": self.local_subject_access,
            "SelfSubjectAccessReview": self.self_subject_access,
            "SelfSubjectRulesReview": self.self_subject_rules,
            "SelfSubjectReview": self.self_subject,
            "TokenReview": self.token,
        }

    async def subject_access(self, body: Json, _user: User, _namespace: str) -> Json:
        """May that user do this? Raises the 422 when it is not said who or what."""
        spec = body.get("spec") or {}
        _require(
            spec.get("user") or spec.get("groups"),
            "SubjectAccessReview",
            "spec.user",
            "at least one of user or group must be specified",
        )
        return await self._access("SubjectAccessReview", body, _subject(spec))

    async def local_subject_access(self, body: Json, _user: User, namespace: str) -> Json:
        """The same about one namespace, so that its administrator can be allowed to ask."""
        kind, spec = "LocalSubjectAccessReview", body.get("spec") or {}
        _require(
            spec.get("user") or spec.get("groups"),
            kind,
            "spec.user",
            "at least one of user or group must be specified",
        )
        within = (spec.get("resourceAttributes") or {}).get("namespace") == namespace
        told = f"must be {namespace!r}, the namespace of the review"
        _require(within, kind, "spec.resourceAttributes.namespace", told)
        return await self._access(kind, body, _subject(spec))

    async def self_subject_access(self, body: Json, user: User, _namespace: str) -> Json:
        """May I do this?"""
        return await self._access("SelfSubjectAccessReview", body, user)

    async def self_subject_rules(self, body: Json, user: User, _namespace: str) -> Json:
        """What may I do in that namespace?"""
        namespace = (body.get("spec") or {}).get("namespace")
        if not namespace:
            raise bad_request("no namespace on request: set spec.namespace")
        rules = self._index.rules(user, namespace)
        status: Json = {
            "resourceRules": [_resource_rule(rule) for rule in rules if rule.resources],
            "nonResourceRules": [_url_rule(rule) for rule in rules if rule.urls],
            "incomplete": node_of(user) is not None,
        }
        if status["incomplete"]:
            status["evaluationError"] = "node authorizer does not support user rule resolution"
        return self._answered(AUTHORIZATION, "SelfSubjectRulesReview", body, status)

    async def self_subject(self, body: Json, user: User, _namespace: str) -> Json:
        """Who am I?"""
        return self._answered(AUTHENTICATION, "SelfSubjectReview", body, {"userInfo": user_info(user)})

    async def token(self, body: Json, _user: User, _namespace: str) -> Json:
        """Who bears this token? The review never gives the token back."""
        spec = body.get("spec") or {}
        if not spec.get("token"):
            raise bad_request("token is required for TokenReview in authentication")
        try:
            proof = await self._authenticator.prove(spec["token"], tuple(spec.get("audiences") or ()))
        except TokenError as error:
            status: Json = {"authenticated": False, "error": str(error)}
        else:
            status = {
                "authenticated": True,
                "user": user_info(proof.user),
                "audiences": list(proof.audiences),
            }
        return self._answered(AUTHENTICATION, "TokenReview", {**body, "spec": {**spec, "token": ""}}, status)

    async def _access(self, kind: str, body: Json, user: User) -> Json:
        decision = await self._authorizer.authorize(_question(kind, body.get("spec") or {}, user))
        status: Json = {"allowed": decision.allowed}
        if decision.denied:
            status["denied"] = True
        if decision.reason:
            status["reason"] = decision.reason
        return self._answered(AUTHORIZATION, kind, body, status)

    def _answered(self, group: str, kind: str, body: Json, status: Json) -> Json:
        stamp = {"creationTimestamp": written(self._clock())}
        metadata = {**stamp, **(body.get("metadata") or {})}
        answer = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": metadata}
        return {**answer, **({"spec": body["spec"]} if "spec" in body else {}), "status": status}


def user_info(user: User) -> Json:
    """authentication.k8s.io/v1 UserInfo."""
    extra = {key: list(values) for key, values in user.extra.items()}
    info = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
    return {key: value for key, value in info.items() if value}


def _subject(spec: Json) -> User:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user") or "", spec.get("uid") or "", tuple(spec.get("groups") or ()), extra)


def _question(kind: str, spec: Json, user: User) -> Attributes:
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    told = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    _require((resource is None) != (other is None), kind, "spec.resourceAttributes", told)
    if resource is None:
        path: Json = other or {}
        return Attributes(user, path.get("verb") or "", path.get("path") or "")
    fields = ("group", "version", "resource", "subresource", "namespace", "name")
    named = {field: resource.get(field) or "" for field in fields}
    selector = _selector(resource.get("fieldSelector") or {})
    return Attributes(user, resource.get("verb", ""), "", field_selector=selector, **named)


def _selector(selector: Json) -> str:
    """As a query's text. A requirement that has no such text is left out: the question is then about more objects."""
    if "rawSelector" in selector:
        return str(selector["rawSelector"])
    signs = {"In": "=", "NotIn": "!="}
    return ",".join(
        f"{term['key']}{signs[term['operator']]}{term['values'][0]}"
        for term in selector.get("requirements") or ()
        if term.get("operator") in signs and len(term.get("values") or ()) == 1
    )


def _resource_rule(rule: Rule) -> Json:
    data = rule.to_data()
    return {key: data[key] for key in ("verbs", "apiGroups", "resources", "resourceNames") if key in data}


def _url_rule(rule: Rule) -> Json:
    return {"verbs": sorted(rule.verbs), "nonResourceURLs": sorted(rule.urls)}


def _require(condition: object, kind: str, field: str, message: str) -> None:
    if not condition:
        raise invalid(AUTHORIZATION, kind, "", (Cause("FieldValueInvalid", message, field),))
