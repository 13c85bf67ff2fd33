# SPDX-License-Identifier: Apache-2.0
"""What goes wrong outside a request: keys, certificates and files. Refusals to clients are controlplane.errors."""


class AuthError(Exception):
    """The root of this folder's errors."""


class PkiError(AuthError):
    """A key, certificate or file of the PKI cannot be made, read or used."""


class SigningError(AuthError):
    """A certificate signing request that must not be signed; the message is for its Failed condition."""


class TokenError(AuthError):
    """A bearer token that proves nothing; the message is for the log and for TokenReview, not for the caller."""
