# SPDX-License-Identifier: Apache-2.0
"""The node's serving certificate: the one that is configured, or one that the node signs itself at its first start."""

import ipaddress
import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.errors import AgentError

_DAYS = 365
# One that ends this soon is made anew at a start.
_RENEW_DAYS = 30


def server_context(certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """TLS for the node's port; clients may show a certificate of the authority. Raises AgentError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Streams are spliced byte by byte, and HTTP/2 is not spoken.
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
        if client_authority is not None:
            context.load_verify_locations(client_authority)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (certificate, key, client_authority) if path)
        raise AgentError(f"cannot serve HTTPS with {files}: {error}") from error
    return context


def ensure_self_signed(
    folder: Path, node_name: str, addresses: tuple[str, ...], now: datetime
) -> tuple[Path, Path]:
    """Paths of certificate and key in the folder, made unless they are there, good, and for these addresses."""
    certificate, key = folder / "kubelet.crt", folder / "kubelet.key"
    if not _is_good(certificate, key, addresses, now):
        _make(certificate, key, node_name, addresses, now)
    return certificate, key


def _is_good(certificate: Path, key: Path, addresses: tuple[str, ...], now: datetime) -> bool:
    try:
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    known = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    lasts = made.not_valid_after_utc > now + timedelta(days=_RENEW_DAYS)
    return lasts and known >= set(addresses) and made.public_key() == private.public_key()


def _make(certificate: Path, key: Path, node_name: str, addresses: tuple[str, ...], now: datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{node_name}@{int(now.timestamp())}")])
    names: list[x509.GeneralName] = [x509.DNSName(node_name)]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The key first: a certificate whose key is another one is made anew.
    _write(key, secret)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    """Only the owner may read it, from its first moment on; whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    new.rename(path)
