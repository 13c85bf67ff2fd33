# SPDX-License-Identifier: Apache-2.0
"""The control plane's own PKI in one folder: made at first start, read at every other, renewed before it ends.

| file | mode | holds |
|---|---|---|
| ca.crt, ca.key | 0644, 0600 | the cluster's certificate authority |
| sa.key | 0600 | the key that signs service account tokens |
| apiserver.crt, apiserver.key | 0644, 0600 | the serving certificate |
| <client>.crt, <client>.key | 0644, 0600 | admin, controllers and scheduler |

CA and token key are never overwritten. A certificate is written after its key; a pair that does not fit together
(a crash between the two) is made anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from controlplane.auth import files
from controlplane.auth.certificates import (
    CLIENT_AUTH,
    SERVER_AUTH,
    YEAR,
    Authority,
    Names,
    SigningKey,
    issue,
    key_pem,
    load_certificate,
    load_key,
    new_authority,
    new_key,
    public_der,
    validity,
)
from controlplane.auth.errors import PkiError
from controlplane.auth.names import MASTERS

CLUSTER_CA_NAME: Final = "kubernetes"
CLIENTS: Final = {
    "admin": Names("kubernetes-admin", (MASTERS,)),
    "controllers": Names("system:kube-controller-manager"),
    "scheduler": Names("system:kube-scheduler"),
}
# A leaf is renewed when less than this part of its life is left.
_RENEW_BEFORE: Final = 0.2
_SERVING: Final = "apiserver"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files that libraries can load and as PEM."""

    certificate_path: Path
    key_path: Path

    @property
    def certificate_pem(self) -> bytes:
        """The certificate."""
        return files.read(self.certificate_path)

    @property
    def key_pem(self) -> bytes:
        """The private key."""
        return files.read(self.key_path)


class Pki:
    """The folder, opened. Every method that gives a pair makes or renews it when that is due."""

    def __init__(self, folder: Path, authority: Authority, token_key: SigningKey) -> None:
        """Use open_pki."""
        self.folder = folder
        self.authority = authority
        self.token_key = token_key

    @property
    def ca_path(self) -> Path:
        """The certificate that clients and servers verify with."""
        return self.folder / "ca.crt"

    def serving(self, hosts: tuple[str, ...], addresses: tuple[str, ...], now: datetime) -> Pair:
        """The API server's certificate for these names; another one when names, CA or time ask for it."""
        names = Names("kube-apiserver", hosts=hosts, addresses=addresses)
        return self._pair(_SERVING, names, SERVER_AUTH, now)

    def client(self, name: str, now: datetime) -> Pair:
        """The certificate of one of CLIENTS."""
        return self._pair(name, CLIENTS[name], CLIENT_AUTH, now)

    def renewal_due(self, pair: Pair) -> datetime:
        """When the pair wants to be asked for again: a fifth of its life before its end."""
        certificate = load_certificate(pair.certificate_pem, str(pair.certificate_path))
        return _renewal(certificate)

    def _pair(self, stem: str, names: Names, purpose: x509.ObjectIdentifier, now: datetime) -> Pair:
        pair = Pair(self.folder / f"{stem}.crt", self.folder / f"{stem}.key")
        if not self._usable(pair, names, now):
            key = new_key()
            certificate = issue(self.authority, names, key.public_key(), [purpose], validity(now, YEAR))
            files.replace(pair.key_path, key_pem(key), files.PRIVATE)
            files.replace(pair.certificate_path, certificate, files.PUBLIC)
        return pair

    def _usable(self, pair: Pair, names: Names, now: datetime) -> bool:
        try:
            certificate = load_certificate(pair.certificate_pem, str(pair.certificate_path))
            key = load_key(pair.key_pem, str(pair.key_path))
            certificate.verify_directly_issued_by(self.authority.certificate)
        except (PkiError, ValueError, TypeError, InvalidSignature):
            # Missing, cut off, or of another authority: a new one cures all of it.
            return False
        fits = public_der(certificate.public_key()) == public_der(key.public_key())
        return fits and _names_match(certificate, names) and now < _renewal(certificate)


def open_pki(folder: Path, now: datetime) -> Pki:
    """The PKI of this folder; what is missing is made. Raises PkiError when what is there cannot be used."""
    key = _key(folder / "ca.key", makes=not (folder / "ca.crt").exists())
    certificate = _ca_certificate(folder / "ca.crt", key, now)
    if public_der(certificate.public_key()) != public_der(key.public_key()):
        raise PkiError(f"cannot use {folder}: ca.crt is not the certificate of ca.key; restore the pair")
    if certificate.not_valid_after_utc <= now:
        raise PkiError(f"cannot use {folder / 'ca.crt'}: it ended on {certificate.not_valid_after_utc}")
    return Pki(folder, Authority(certificate, key), _key(folder / "sa.key", makes=True))


def _ca_certificate(path: Path, key: SigningKey, now: datetime) -> x509.Certificate:
    pem = path.read_bytes() if path.exists() else None
    if pem is None:
        pem = files.write_new(path, new_authority(CLUSTER_CA_NAME, now, key).pem, files.PUBLIC)
    return load_certificate(pem, str(path))


def _key(path: Path, *, makes: bool) -> SigningKey:
    """The key in this file; a new one where none is, unless its certificate exists already."""
    if path.exists() or not makes:
        return load_key(files.read(path), str(path))
    return load_key(files.write_new(path, key_pem(new_key()), files.PRIVATE), str(path))


def _renewal(certificate: x509.Certificate) -> datetime:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - timedelta(seconds=(end - start).total_seconds() * _RENEW_BEFORE)


def _names_match(certificate: x509.Certificate, names: Names) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        present: set[x509.GeneralName] = set(extension.value)
    except x509.ExtensionNotFound:
        present = set()
    return certificate.subject == names.subject() and present == set(names.alternatives())
