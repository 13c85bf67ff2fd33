# SPDX-License-Identifier: Apache-2.0
"""The PKI folder: made once, renewed in time, and certificates that TLS itself accepts or refuses."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from controlplane.auth import kubeconfig
from controlplane.auth.certificates import load_certificate
from controlplane.auth.errors import PkiError
from controlplane.auth.pki import CLIENTS, Pair, Pki, open_pki
from controlplane.auth.tls import Serving, server_context, user_of
from controlplane.request import User

NOW = datetime.now(UTC)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return open_pki(tmp_path / "pki", NOW)


def _serving(pki: Pki, now: datetime = NOW) -> Pair:
    return pki.serving(("localhost", "kubernetes.default.svc"), ("127.0.0.1", "10.96.0.1", "::1"), now)


def test_files_modes_and_nothing_made_twice(pki: Pki) -> None:
    pairs = [_serving(pki), *(pki.client(name, NOW) for name in CLIENTS)]
    before = {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in pki.folder.iterdir()}
    assert {name: mode for name, (_, mode) in before.items() if name.endswith(".key")} == dict.fromkeys(
        ["ca.key", "sa.key", "apiserver.key", "admin.key", "controllers.key", "scheduler.key"], 0o600
    )
    assert {mode for name, (_, mode) in before.items() if name.endswith(".crt")} == {0o644}
    again = open_pki(pki.folder, NOW + timedelta(days=1))
    assert [_serving(again), *(again.client(name, NOW) for name in CLIENTS)] == pairs
    assert {path.name: path.read_bytes() for path in pki.folder.iterdir()} == {
        name: data for name, (data, _) in before.items()
    }


def test_a_leaf_is_renewed_when_a_fifth_of_its_life_is_left(pki: Pki) -> None:
    pair = _serving(pki)
    first, due = pair.certificate_pem, pki.renewal_due(pair)
    assert due - NOW > timedelta(days=290)
    assert _serving(pki, due - timedelta(hours=1)).certificate_pem == first
    assert _serving(pki, due).certificate_pem != first


def test_other_names_or_a_torn_pair_make_a_new_leaf(pki: Pki) -> None:
    pair = _serving(pki)
    first = pair.certificate_pem
    pki.serving(("localhost",), ("127.0.0.1",), NOW)
    second = pair.certificate_pem
    assert second != first
    pair.key_path.write_bytes(pki.client("admin", NOW).key_pem)
    pki.serving(("localhost",), ("127.0.0.1",), NOW)
    third = pair.certificate_pem
    assert third != second
    pair.certificate_path.write_bytes(third[:100])
    pki.serving(("localhost",), ("127.0.0.1",), NOW)
    load_certificate(pair.certificate_pem, "").verify_directly_issued_by(pki.authority.certificate)


def test_leaves_say_who_they_are_and_verify(pki: Pki) -> None:
    admin = load_certificate(pki.client("admin", NOW).certificate_pem, "admin")
    admin.verify_directly_issued_by(pki.authority.certificate)
    assert admin.subject.rfc4514_string() == "CN=kubernetes-admin,O=system:masters"
    serving = load_certificate(_serving(pki).certificate_pem, "serving")
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "kubernetes.default.svc"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "10.96.0.1",
        "::1",
    ]


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (lambda folder: (folder / "ca.key").unlink(), "cannot read"),
        (lambda folder: (folder / "ca.key").write_text("no key"), "cannot read the key"),
        (lambda folder: (folder / "ca.crt").write_text("nothing"), "cannot read the certificate"),
        (
            lambda folder: (folder / "ca.key").write_bytes((folder / "sa.key").read_bytes()),
            "not the certificate",
        ),
    ],
)
def test_a_ca_that_cannot_be_used_is_never_replaced(pki: Pki, breaks: Any, says: str) -> None:
    breaks(pki.folder)
    before = {path: path.read_bytes() for path in pki.folder.iterdir()}
    with pytest.raises(PkiError, match=says):
        open_pki(pki.folder, NOW)
    assert {path: path.read_bytes() for path in pki.folder.iterdir()} == before


def test_a_crash_between_key_and_certificate_is_mended(pki: Pki) -> None:
    (pki.folder / "ca.crt").unlink()
    key = (pki.folder / "ca.key").read_bytes()
    open_pki(pki.folder, NOW)
    assert (pki.folder / "ca.key").read_bytes() == key


def test_an_ended_ca_says_so(pki: Pki) -> None:
    with pytest.raises(PkiError, match="ended on"):
        open_pki(pki.folder, NOW + timedelta(days=4000))


def _handshake(pki: Pki, client: Pair | None, authority: Path) -> tuple[Any, str]:
    """What the server sees of the client and, if the handshake fails, what the client is told."""
    server = server_context(_serving(pki), authority)
    client_context = ssl.create_default_context(cafile=str(pki.ca_path))
    if client:
        client_context.load_cert_chain(client.certificate_path, client.key_path)
    seen: list[Any] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        try:
            with server.wrap_socket(connection, server_side=True) as wrapped:
                seen.append(wrapped.getpeercert())
                wrapped.sendall(b"hello")
        except OSError as error:
            seen.append(error)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        told = ""
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as plain,
                client_context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
            ):
                assert wrapped.recv(5) == b"hello"
        except (OSError, AssertionError) as error:
            told = str(error) or "closed"
        thread.join(10)
    return seen[0], told


def test_a_handshake_with_a_client_certificate_names_the_user(pki: Pki) -> None:
    peer, told = _handshake(pki, pki.client("admin", NOW), pki.ca_path)
    assert told == ""
    assert user_of(peer) == User("kubernetes-admin", groups=("system:masters",))
    assert user_of(peer, (NOW + timedelta(days=366)).timestamp()) is None


def test_a_handshake_without_a_certificate_names_nobody(pki: Pki) -> None:
    peer, told = _handshake(pki, None, pki.ca_path)
    assert (told, user_of(peer)) == ("", None)


def test_certificates_of_others_and_of_servers_are_refused(pki: Pki, tmp_path: Path) -> None:
    stranger = open_pki(tmp_path / "other", NOW).client("admin", NOW)
    peer, told = _handshake(pki, stranger, pki.ca_path)
    assert isinstance(peer, ssl.SSLError)
    assert told
    peer, told = _handshake(pki, _serving(pki), pki.ca_path)
    assert isinstance(peer, ssl.SSLError)
    assert told


def _served(context: ssl.SSLContext, authority: Path) -> bytes:
    """The certificate that a new connection over this context sees, in memory."""
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    checking = ssl.create_default_context(cafile=str(authority))
    client = checking.wrap_bio(client_in, client_out, server_hostname="localhost")
    server = context.wrap_bio(client_out, client_in, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.getpeercert(binary_form=True) or b""


def test_a_running_server_gets_its_next_certificate(tmp_path: Path) -> None:
    # Long ago, so that the renewal is about now: the handshakes look at the real clock.
    now = [NOW - timedelta(days=292)]
    pki = open_pki(tmp_path, now[0])
    serving = Serving(pki, ("localhost",), (), lambda: now[0])
    first, rest = _served(serving.context, pki.ca_path), serving.refresh()
    assert _served(serving.context, pki.ca_path) == first
    now[0] += timedelta(seconds=rest)
    assert serving.refresh() > 200 * 86400
    second = _served(serving.context, pki.ca_path)
    assert second not in (b"", first)


def test_a_kubeconfig_holds_all_and_is_private(pki: Pki, tmp_path: Path) -> None:
    admin = pki.client("admin", NOW)
    path = tmp_path / "admin.conf"
    kubeconfig.write(path, kubeconfig.render("https://127.0.0.1:6443", pki.authority.pem, admin))
    assert path.stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["current-context"] == config["contexts"][0]["name"]
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
