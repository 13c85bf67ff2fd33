# SPDX-License-Identifier: Apache-2.0
"""Keys of service account tokens: signing, verifying, and the public half as JWKS (RFC 7515, 7517, 7519).

The algorithm follows from the key: P-256 signs ES256, RSA signs RS256. No other is accepted, whatever a token says.
"""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.types import Options

from controlplane.auth.certificates import SigningKey, public_der
from controlplane.auth.errors import PkiError, TokenError

Json = dict[str, Any]
TokenPublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

# How many tokens whose signature was verified are remembered: about two per pod of a busy cluster.
_REMEMBERED: Final = 4096
# Times, audiences and issuer depend on who asks and when: accounts.py looks at them every time.
_WITHOUT_CLAIMS: Final[Options] = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}


@dataclass(frozen=True, slots=True)
class _Verifier:
    key: TokenPublicKey
    algorithm: str


class TokenKeys:
    """One key that signs, and public keys of earlier ones whose tokens still count."""

    def __init__(self, signing: SigningKey, also: Sequence[TokenPublicKey] = ()) -> None:
        """Raises PkiError for a key that no algorithm here takes."""
        self._signing = signing
        self._kid = key_id(signing.public_key())
        keys = (signing.public_key(), *also)
        self._verifiers = {key_id(key): _Verifier(key, _algorithm(key)) for key in keys}
        self._verified: OrderedDict[str, Json] = OrderedDict()

    @property
    def algorithms(self) -> list[str]:
        """Of all keys."""
        return sorted({verifier.algorithm for verifier in self._verifiers.values()})

    def sign(self, claims: Json) -> str:
        """The token in compact form."""
        algorithm = self._verifiers[self._kid].algorithm
        return jwt.encode(claims, self._signing, algorithm, headers={"kid": self._kid})

    def verify(self, token: str) -> Json:
        """The claims of a token that one of our keys signed; what they say is not looked at. Raises TokenError."""
        if token in self._verified:
            self._verified.move_to_end(token)
            return self._verified[token]
        claims = self._decode(token)
        self._verified[token] = claims
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return claims

    def jwks(self) -> Json:
        """The public keys for others to verify with."""
        return {"keys": [_jwk(kid, verifier) for kid, verifier in self._verifiers.items()]}

    def _decode(self, token: str) -> Json:
        try:
            verifier = self._verifiers.get(str(jwt.get_unverified_header(token).get("kid")))
            if verifier is None:
                raise TokenError("cannot accept token: it was not signed with a key of this cluster")
            claims: Json = jwt.decode(
                token, verifier.key, algorithms=[verifier.algorithm], options=_WITHOUT_CLAIMS
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenError(f"cannot accept token: {error}") from error
        return claims


def key_id(key: TokenPublicKey) -> str:
    """A name that follows from the key: the SHA-256 of its SubjectPublicKeyInfo."""
    digest = hashlib.sha256(public_der(key)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _algorithm(key: TokenPublicKey) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    if key.curve.name == "secp256r1":
        return "ES256"
    raise PkiError(f"cannot sign tokens with a key of the curve {key.curve.name}: use P-256 or RSA")


def _jwk(kid: str, verifier: _Verifier) -> Json:
    algorithm = jwt.get_algorithm_by_name(verifier.algorithm)
    public: Json = json.loads(algorithm.to_jwk(verifier.key))
    public.pop("key_ops", None)
    return {**public, "use": "sig", "alg": verifier.algorithm, "kid": kid}
