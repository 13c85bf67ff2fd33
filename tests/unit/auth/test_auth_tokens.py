# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens over their whole life: given, accepted, and refused as soon as anything they rest on is gone."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from multidict import CIMultiDict

from controlplane.auth.accounts import AccountTokens
from controlplane.auth.authenticate import Authenticator
from controlplane.auth.bootstrap import BootstrapTokens, new_token, secret_of
from controlplane.auth.certificates import SigningKey
from controlplane.auth.errors import PkiError, TokenError
from controlplane.auth.identities import Existence, Identities
from controlplane.auth.impersonate import impersonated
from controlplane.auth.keys import TokenKeys
from controlplane.auth.rbac import RbacAuthorizer
from controlplane.auth.times import written
from controlplane.auth.tokens import TokenIssuer
from controlplane.errors import ApiError
from controlplane.request import ANONYMOUS, User
from controlplane.store.memory import MemoryStore
from tests.support.object_reader import StoreReader
from tests.support.rbac_objects import binding, index_of, role, rule, to_user

Json = dict[str, Any]
ISSUER = "https://kubernetes.default.svc.cluster.local"
START = 1_800_000_000.0
KEY = ec.generate_private_key(ec.SECP256R1())


class World:
    """A store with one account, pod, node and secret, and everything that gives and takes tokens."""

    def __init__(self, signing: SigningKey = KEY) -> None:
        self.now = START
        self.reader = StoreReader(MemoryStore())
        self.keys = TokenKeys(signing)
        self.identities = Identities()
        existence = Existence(self.identities, self.reader)
        accounts = AccountTokens(self.keys, ISSUER, existence, lambda: self.now)
        bootstrap = BootstrapTokens(self.reader, (ISSUER,), lambda: self.now)
        self.authenticator = Authenticator((accounts, bootstrap), (ISSUER,), lambda: self.now)
        self.issuer = TokenIssuer(self.keys, ISSUER, (ISSUER,), self.reader, lambda: self.now)

    async def fill(self) -> None:
        await self.reader.put("", "serviceaccounts", _object("robot", "sa-1"))
        await self.reader.put(
            "", "pods", _object("web", "pod-1") | {"spec": {"serviceAccountName": "robot", "nodeName": "n1"}}
        )
        await self.reader.put("", "secrets", _object("bind", "secret-1"))
        await self.reader.put("", "nodes", {"metadata": {"name": "n1", "uid": "node-1"}})

    async def token(self, bound: Json | None = None, **spec: Any) -> str:
        body = {"spec": {**spec, **({"boundObjectRef": bound} if bound else {})}}
        return str((await self.issuer.request("shop", "robot", body))["status"]["token"])

    async def user(self, token: str) -> User:
        return await self.authenticator.authenticate(None, f"Bearer {token}", "/api")


def _object(name: str, uid: str) -> Json:
    return {"metadata": {"name": name, "namespace": "shop", "uid": uid}}


def _run(test: Callable[[World], Awaitable[None]], world: World | None = None) -> None:
    async def body() -> None:
        made = world or World()
        await made.fill()
        await test(made)
        await made.reader.store.close()

    asyncio.run(body())


async def _refused(world: World, token: str, why: str) -> None:
    with pytest.raises(TokenError, match=why):
        await world.authenticator.prove(token)
    with pytest.raises(ApiError) as caught:
        await world.user(token)
    assert (caught.value.code, caught.value.message) == (401, "Unauthorized")


POD = {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "pod-1"}


@pytest.mark.parametrize("signing", [KEY, rsa.generate_private_key(65537, 2048)], ids=["ES256", "RS256"])
def test_a_pods_token_names_account_pod_and_node(signing: SigningKey) -> None:
    async def test(world: World) -> None:
        user = await world.user(await world.token(POD))
        assert (user.name, user.uid) == ("system:serviceaccount:shop:robot", "sa-1")
        assert user.groups == (
            "system:serviceaccounts",
            "system:serviceaccounts:shop",
            "system:authenticated",
        )
        extra = {
            key.removeprefix("authentication.kubernetes.io/"): value for key, value in user.extra.items()
        }
        assert extra.pop("credential-id")[0].startswith("JTI=")
        assert extra == {
            "pod-name": ("web",),
            "pod-uid": ("pod-1",),
            "node-name": ("n1",),
            "node-uid": ("node-1",),
        }

    _run(test, World(signing))


def test_a_token_ends() -> None:
    async def test(world: World) -> None:
        answer = await world.issuer.request("shop", "robot", {"spec": {"expirationSeconds": 900}})
        token = answer["status"]["token"]
        assert answer["spec"] == {"audiences": [ISSUER], "expirationSeconds": 900}
        assert answer["status"]["expirationTimestamp"] == written(START + 900)
        world.now = START + 899
        assert (await world.user(token)).uid == "sa-1"
        world.now = START + 900
        await _refused(world, token, "expired")
        world.now = START - 10
        await _refused(world, token, "not valid yet")

    _run(test)


def test_a_token_for_others_is_not_for_us() -> None:
    async def test(world: World) -> None:
        token = await world.token(audiences=["vault", "other"])
        await _refused(world, token, "audiences")
        assert (await world.authenticator.prove(token, ("x", "vault"))).audiences == ("vault",)

    _run(test)


@pytest.mark.parametrize(
    ("kind", "name", "uid", "plural", "namespace"),
    [
        ("Pod", "web", "pod-1", "pods", "shop"),
        ("Secret", "bind", "secret-1", "secrets", "shop"),
        ("Node", "n1", "node-1", "nodes", ""),
    ],
)
def test_a_token_ends_with_what_it_is_bound_to(
    kind: str, name: str, uid: str, plural: str, namespace: str
) -> None:
    async def test(world: World) -> None:
        bound = {"kind": kind, "apiVersion": "v1", "name": name, "uid": uid}
        token = await world.token(bound)
        old = await world.reader.get("", plural, namespace, name)
        assert old is not None
        await world.user(token)
        going = old | {"metadata": old["metadata"] | {"deletionTimestamp": written(START)}}
        await world.reader.put("", plural, going)
        world.now = START + 59
        await world.user(token)
        world.now = START + 60
        await _refused(world, token, "gone")
        await world.reader.remove("", plural, namespace, name)
        await world.reader.put("", plural, old | {"metadata": old["metadata"] | {"uid": "another"}})
        world.now = START + 1
        await _refused(world, token, "gone")
        bound["uid"] = "wrong"
        with pytest.raises(ApiError) as caught:
            await world.token(bound)
        assert (caught.value.code, caught.value.reason) == (409, "Conflict")

    _run(test)


def test_a_token_ends_with_its_account_even_if_that_comes_again() -> None:
    async def test(world: World) -> None:
        token = await world.token()
        world.identities.put("/core/serviceaccounts/shop/robot", _object("robot", "sa-1"))
        await world.reader.remove("", "serviceaccounts", "shop", "robot")
        world.identities.drop("/core/serviceaccounts/shop/robot")
        await _refused(world, token, "gone")
        await world.reader.put("", "serviceaccounts", _object("robot", "sa-2"))
        world.identities.put("/core/serviceaccounts/shop/robot", _object("robot", "sa-2"))
        await _refused(world, token, "gone")

    _run(test)


def test_what_is_known_of_an_account_may_lag_behind() -> None:
    async def test(world: World) -> None:
        world.identities.put("/core/serviceaccounts/shop/robot", _object("robot", "sa-0"))
        assert (await world.user(await world.token())).uid == "sa-1"

    _run(test)


def test_keys_issuers_and_forms_that_are_not_ours() -> None:
    async def test(world: World) -> None:
        good = await world.token()
        claims = world.keys.verify(good)
        kid = jwt.get_unverified_header(good)["kid"]
        other = TokenKeys(ec.generate_private_key(ec.SECP256R1()))
        await _refused(world, other.sign(claims), "not signed with a key")
        forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": kid})
        await _refused(world, forged, "Signature verification failed")
        await _refused(world, jwt.encode(claims, "x" * 32, "HS256", headers={"kid": kid}), "alg")
        await _refused(world, jwt.encode(claims, None, "none", headers={"kid": kid}), "alg")
        await _refused(world, world.keys.sign(claims | {"iss": "https://else"}), "issuer")
        await _refused(world, world.keys.sign(claims | {"sub": "system:serviceaccount:shop:root"}), "claims")
        await _refused(world, world.keys.sign(claims | {"kubernetes.io": ["x"]}), "claims")
        await _refused(
            world, world.keys.sign({k: v for k, v in claims.items() if k != "exp"}), "when it ends"
        )
        for text in ("a.b.c", "..", "nonsense", "a.b", "\xff.\xff.\xff"):
            await _refused(world, text, "cannot accept token")

    _run(test)


def test_tokens_of_an_earlier_key_still_count() -> None:
    old = TokenKeys(KEY)
    new = TokenKeys(ec.generate_private_key(ec.SECP256R1()), [KEY.public_key()])
    assert new.verify(old.sign({"a": 1})) == {"a": 1}
    with pytest.raises(PkiError, match="secp384r1"):
        TokenKeys(ec.generate_private_key(ec.SECP384R1()))


def test_others_verify_with_the_published_keys() -> None:
    async def test(world: World) -> None:
        document = world.issuer.discovery("https://10.0.0.1:6443")
        assert document["issuer"] == ISSUER
        assert document["jwks_uri"] == "https://10.0.0.1:6443/openid/v1/jwks"
        token = await world.token(audiences=["vault"])
        key = jwt.PyJWKSet.from_dict(world.keys.jwks())[jwt.get_unverified_header(token)["kid"]]
        algorithms = document["id_token_signing_alg_values_supported"]
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        claims = jwt.decode(token, key, algorithms, options, audience="vault", issuer=ISSUER)
        assert claims["sub"] == "system:serviceaccount:shop:robot"
        assert "d" not in world.keys.jwks()["keys"][0]

    _run(test)


@pytest.mark.parametrize(
    ("name", "spec", "code", "message"),
    [
        ("robot", {"expirationSeconds": 599}, 422, "less than 10 minutes"),
        ("robot", {"expirationSeconds": (1 << 32) + 1}, 422, "larger than"),
        ("nobody", {}, 404, 'serviceaccounts "nobody" not found'),
        ("robot", {"boundObjectRef": POD | {"name": "none"}}, 404, 'pods "none" not found'),
        ("robot", {"boundObjectRef": POD | {"kind": "Job"}}, 400, "object of type Job"),
        ("other", {"boundObjectRef": POD}, 400, "different serviceaccount"),
    ],
)
def test_requests_that_get_no_token(name: str, spec: Json, code: int, message: str) -> None:
    async def test(world: World) -> None:
        await world.reader.put("", "serviceaccounts", _object("other", "sa-3"))
        with pytest.raises(ApiError, match=message) as caught:
            await world.issuer.request("shop", name, {"spec": spec})
        assert caught.value.code == code

    _run(test)


def _bootstrap(**data: str) -> Json:
    fields = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:workers",
        "expiration": written(START + 100),
    } | {key.replace("_", "-"): value for key, value in data.items()}
    return {
        "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in fields.items()},
    }


def test_a_bootstrap_token_is_a_user_until_it_expires() -> None:
    async def test(world: World) -> None:
        await world.reader.put("", "secrets", _bootstrap())
        user = await world.user("abcdef.0123456789abcdef")
        assert user.name == "system:bootstrap:abcdef"
        assert user.groups == ("system:bootstrappers", "system:bootstrappers:workers", "system:authenticated")
        await _refused(world, "abcdef.0123456789abcdee", "no such token")
        await _refused(world, "abcdeg.0123456789abcdef", "no such token")
        with pytest.raises(TokenError, match="API server only"):
            await world.authenticator.prove("abcdef.0123456789abcdef", ("vault",))
        world.now = START + 100
        await _refused(world, "abcdef.0123456789abcdef", "expired")

    _run(test)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (_bootstrap(usage_bootstrap_authentication="false"), "may not be used"),
        (_bootstrap(auth_extra_groups="system:masters"), "not a group for it"),
        (_bootstrap(expiration="soon"), "unreadable"),
        (_bootstrap(token_id="zzzzzz"), "no such token"),
        (_bootstrap() | {"type": "Opaque"}, "another type"),
        (_bootstrap() | {"data": {"token-secret": "abcde"}}, "unreadable"),
    ],
)
def test_bootstrap_secrets_that_make_no_user(secret: Json, why: str) -> None:
    async def test(world: World) -> None:
        await world.reader.put("", "secrets", secret)
        await _refused(world, "abcdef.0123456789abcdef", why)

    _run(test)


def test_a_new_bootstrap_token_is_good_for_as_long_as_asked() -> None:
    async def test(world: World) -> None:
        short, long = new_token(), new_token()
        await world.reader.put(
            "", "secrets", secret_of(short, START + 10, groups=("system:bootstrappers:a",))
        )
        await world.reader.put("", "secrets", secret_of(long, None, told="for the rack by the window"))
        assert "system:bootstrappers:a" in (await world.user(short)).groups
        world.now = START + 1e8
        assert (await world.user(long)).name == f"system:bootstrap:{long[:6]}"
        await _refused(world, short, "expired")

    _run(test)
    for token, groups in (("short", ()), ("abcdef.0123456789abcdef", ("system:masters",))):
        with pytest.raises(TokenError):
            secret_of(token, None, groups=groups)


def test_nobody_is_enough_for_health_only() -> None:
    async def test(world: World) -> None:
        for path in ("/healthz", "/livez", "/readyz", "/version", "/version/"):
            assert await world.authenticator.authenticate(None, None, path) is ANONYMOUS
        for path in ("/", "/api", "/metrics", "/openid/v1/jwks", "/healthz/../api"):
            with pytest.raises(ApiError) as caught:
                await world.authenticator.authenticate(None, None, path)
            assert caught.value.code == 401
        for header in ("Basic dTpw", "Bearer", "Bearer ", "x"):
            with pytest.raises(ApiError):
                await world.authenticator.authenticate(None, header, "/healthz")

    _run(test)


def test_a_certificate_comes_before_a_token() -> None:
    async def test(world: World) -> None:
        peer = {
            "subject": ((("organizationName", "dev"),), (("commonName", "eve"),)),
            "notAfter": "Jan  1 00:00:00 2099 GMT",
        }
        user = await world.authenticator.authenticate(peer, "Bearer nonsense", "/api")
        assert user == User("eve", groups=("dev", "system:authenticated"))
        with pytest.raises(ApiError):
            await world.authenticator.authenticate(
                peer | {"notAfter": "Jan  1 00:00:00 2020 GMT"}, None, "/api"
            )

    _run(test)


ROBOT = "system:serviceaccount:shop:robot"


@pytest.mark.parametrize(
    ("rules", "headers", "expected"),
    [
        (
            rule("impersonate", "users"),
            [("Impersonate-User", "bob")],
            User("bob", groups=("system:authenticated",)),
        ),
        (
            rule("impersonate", "users", names="bob"),
            [("Impersonate-User", "eve")],
            'users "eve" is forbidden: User "boss" cannot impersonate resource "users" in API group "" at the cluster',
        ),
        (
            rule("impersonate", "users groups"),
            [("impersonate-user", "bob"), ("Impersonate-Group", "dev"), ("Impersonate-Group", "ops")],
            User("bob", groups=("dev", "ops", "system:authenticated")),
        ),
        (
            rule("impersonate", "users groups", names="bob dev"),
            [("Impersonate-User", "bob"), ("Impersonate-Group", "system:masters")],
            'groups "system:masters" is forbidden',
        ),
        (
            rule("impersonate", "serviceaccounts", names="robot"),
            [("Impersonate-User", ROBOT)],
            User(
                ROBOT,
                groups=("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"),
            ),
        ),
        (rule("impersonate", "users"), [("Impersonate-User", ROBOT)], 'serviceaccounts "robot" is forbidden'),
        (
            rule("impersonate", "users uids userextras/acme.com/team", "core authentication.k8s.io"),
            [
                ("Impersonate-User", "bob"),
                ("Impersonate-Uid", "7"),
                ("Impersonate-Extra-acme.com%2Fteam", "red"),
            ],
            User("bob", "7", ("system:authenticated",), {"acme.com/team": ("red",)}),
        ),
        (
            rule("impersonate", "users userextras/scopes", "*", names="bob view"),
            [("Impersonate-User", "bob"), ("Impersonate-Extra-Scopes", "write")],
            'userextras.authentication.k8s.io "write" is forbidden',
        ),
        (rule("impersonate", "*", "*"), [("Impersonate-Group", "dev")], "without Impersonate-User"),
        (
            rule("impersonate", "users"),
            [("Impersonate-User", "system:anonymous")],
            User("system:anonymous", groups=("system:unauthenticated",)),
        ),
        (rule("get", "users"), [], User("boss")),
    ],
)
def test_acting_as_others(rules: Json, headers: list[tuple[str, str]], expected: User | str) -> None:
    index = index_of([role("r", rules), binding("b", "ClusterRole/r", to_user("boss"))])
    asking = impersonated(User("boss"), CIMultiDict(headers), RbacAuthorizer(index))
    if isinstance(expected, User):
        assert asyncio.run(asking) == expected
    else:
        with pytest.raises(ApiError, match=expected):
            asyncio.run(asking)
