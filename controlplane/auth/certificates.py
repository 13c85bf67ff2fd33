# SPDX-License-Identifier: Apache-2.0
"""Making certificates: values in, PEM out. Keys are EC P-256, which OpenSSL, Go and Python speak and make at once."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controlplane.auth.errors import PkiError

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

CA_YEARS: Final = 10
YEAR: Final = timedelta(days=365)
# Clocks of a cluster differ: a certificate is valid from a little before it was made.
BACKDATE: Final = timedelta(minutes=5)

CLIENT_AUTH: Final = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH: Final = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority ready to sign."""

    certificate: x509.Certificate
    key: SigningKey

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Names:
    """Whom a certificate speaks for: subject and alternative names (addresses may be IPv4 or IPv6)."""

    common_name: str
    organizations: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def subject(self) -> x509.Name:
        """Organizations first, as everybody prints them."""
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in self.organizations]
        return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)])

    def alternatives(self) -> list[x509.GeneralName]:
        """For the extension; empty when there are none."""
        hosts = [x509.DNSName(host) for host in self.hosts]
        return [*hosts, *(x509.IPAddress(ipaddress.ip_address(text)) for text in self.addresses)]


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when; both aware of their zone."""

    start: datetime
    end: datetime


def validity(now: datetime, lifetime: timedelta) -> Validity:
    """From a little before now."""
    return Validity(now - BACKDATE, now + lifetime)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: SigningKey) -> bytes:
    """PKCS 8 without a password: the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_key(pem: bytes, source: str) -> SigningKey:
    """An EC or RSA key; source says in errors where it came from."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise PkiError(f"cannot read the key in {source}: {error}") from error
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise PkiError(f"cannot use the key in {source}: it is neither EC nor RSA")


def load_certificate(pem: bytes, source: str) -> x509.Certificate:
    """The first certificate of a PEM file."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise PkiError(f"cannot read the certificate in {source}: {error}") from error


def new_authority(common_name: str, now: datetime, key: SigningKey) -> Authority:
    """A self-signed CA for ten years, which may not make further CAs."""
    name = Names(common_name).subject()
    builder = _builder(name, name, key.public_key(), validity(now, CA_YEARS * YEAR))
    usage = _key_usage(signs_certificates=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Authority,
    names: Names,
    public_key: PublicKey,
    purposes: Iterable[x509.ObjectIdentifier],
    period: Validity,
    *,
    key_encipherment: bool = True,
) -> bytes:
    """A leaf certificate as PEM; it never outlives its authority."""
    ends = min(period.end, authority.certificate.not_valid_after_utc)
    builder = _builder(
        names.subject(), authority.certificate.subject, public_key, Validity(period.start, ends)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(encipherment=key_encipherment), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    if alternatives := names.alternatives():
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    signed = builder.sign(authority.key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def public_der(key: CertificatePublicKeyTypes) -> bytes:
    """A public key's SubjectPublicKeyInfo: equal bytes, equal keys."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, period: Validity
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(period.start).not_valid_after(period.end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


def _key_usage(*, signs_certificates: bool = False, encipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=encipherment,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
