# SPDX-License-Identifier: Apache-2.0
"""What goes wrong outside a request: keys, certificates and files. Refusals to clients are controlplane.errors."""


class AuthError(Exception):
    """The root of this folder's errors."""


class PkiError(AuthError):
    """A key, certificate or file of the PKI cannot be made, read or used."""


class SigningError(AuthError):
    """A certificate signing request that must not be signed; the message is for its Failed condition."""
