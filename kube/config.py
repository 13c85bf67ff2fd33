# SPDX-License-Identifier: Apache-2.0
"""Where the API server is and who we are: a kubeconfig read by lightkube, turned into what our client needs."""

import base64
import binascii
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from kube.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """A server and an identity. server is a URL; tls None means what the URL's scheme needs without a client key.

    token_file is read again for every request, because a kubelet renews it; it wins over token.
    """

    server: str
    tls: ssl.SSLContext | None = None
    token: str = ""
    token_file: Path | None = None


def from_file(path: Path, context: str | None = None) -> ClientConfig:
    """A kubeconfig file's current context, or the named one. Raises ConfigurationError."""
    try:
        return from_kubeconfig(KubeConfig.from_file(path), context)
    except ConfigurationError:
        raise
    # lightkube lets every fault of the file through as what it happened to run into.
    except (ConfigError, OSError, KeyError, TypeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"cannot use kubeconfig {path}: {_why(error)}") from error


def from_kubeconfig(config: KubeConfig, context: str | None = None) -> ClientConfig:
    """A kubeconfig in memory. Raises ConfigurationError for what is not supported."""
    try:
        single = config.get(context)
    except ConfigError as error:
        raise ConfigurationError(f"cannot use kubeconfig: {error}") from error
    if single is None:
        raise ConfigurationError("cannot use kubeconfig: it has no current context")
    user = single.user
    if user and (user.exec or user.auth_provider or user.username):
        raise ConfigurationError(
            "cannot use kubeconfig: exec, auth-provider and username are not supported; "
            "use a client certificate, a token or a token file"
        )
    return ClientConfig(
        server=single.cluster.server.rstrip("/"),
        tls=_tls(single),
        token=(user and user.token) or "",
        token_file=Path(single.abs_file(user.token_file)) if user and user.token_file else None,
    )


def from_memory(
    server: str,
    *,
    ca_pem: bytes = b"",
    certificate_pem: bytes = b"",
    key_pem: bytes = b"",
    token: str = "",
) -> ClientConfig:
    """Everything by value, for a client in the server's own process or in a test."""
    context = None
    if server.startswith("https:"):
        context = ssl.create_default_context(cadata=ca_pem.decode("ascii") if ca_pem else None)
        if certificate_pem:
            _load_client(context, certificate_pem, key_pem)
    return ClientConfig(server.rstrip("/"), context, token)


def _tls(single: SingleConfig) -> ssl.SSLContext | None:
    if not single.cluster.server.startswith("https:"):
        return None
    authority = _pem(single, single.cluster.certificate_auth_data, single.cluster.certificate_auth)
    try:
        context = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
        if single.cluster.insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        user = single.user
        if user and (user.client_cert or user.client_cert_data):
            certificate = _pem(single, user.client_cert_data, user.client_cert)
            _load_client(context, certificate, _pem(single, user.client_key_data, user.client_key))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot use kubeconfig: a certificate or key in it is no PEM: {error}"
        ) from error
    return context


def _pem(single: SingleConfig, data: str | None, file: str | None) -> bytes:
    """The bytes of an inline value or of the file beside the kubeconfig; b"" when neither is given."""
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ConfigurationError(f"cannot use kubeconfig: inline data is no base64: {error}") from error
    return Path(single.abs_file(file)).read_bytes() if file else b""


def _load_client(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """ssl reads a client's certificate from files only; the file is readable by us alone and gone at once."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
