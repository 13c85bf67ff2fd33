# SPDX-License-Identifier: Apache-2.0
"""Certificates of a lab's nodes, signed by the control plane's own authority. The one place where lab meets its PKI."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from controlplane.auth import files, kubeconfig
from controlplane.auth.certificates import (
    CLIENT_AUTH,
    SERVER_AUTH,
    YEAR,
    Names,
    issue,
    key_pem,
    new_key,
    validity,
)
from controlplane.auth.names import NODES, node_username
from controlplane.auth.pki import Pair, Pki, open_pki
from lab import NodeIdentity, NodePaths

CLIENT: Final = "client"


def open_authority(folder: Path) -> Pki:
    """The authority in the control plane's folder, made when it is missing. Raises PkiError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return open_pki(folder, datetime.now(UTC))


def write(pki: Pki, node: NodeIdentity, paths: NodePaths) -> None:
    """Write the node's keys, certificates and kubeconfig; the kubeconfig last."""
    now = datetime.now(UTC)
    user = Names(node_username(node.name), (NODES,))
    client = Pair(paths.identity / f"{CLIENT}.crt", paths.identity / f"{CLIENT}.key")
    _write_pair(pki, user, client, now, serves=False)
    serving = Names(
        node_username(node.name), (NODES,), hosts=(node.name,), addresses=(node.address, "127.0.0.1")
    )
    _write_pair(pki, serving, Pair(paths.serving_certificate, paths.serving_key), now, serves=True)
    files.replace(paths.authority, pki.authority.pem, files.PUBLIC)
    text = kubeconfig.render(node.server, pki.authority.pem, client, user=user.common_name)
    kubeconfig.write(paths.kubeconfig, text)


def _write_pair(pki: Pki, names: Names, pair: Pair, now: datetime, *, serves: bool) -> None:
    key = new_key()
    purpose = SERVER_AUTH if serves else CLIENT_AUTH
    certificate = issue(pki.authority, names, key.public_key(), [purpose], validity(now, YEAR))
    files.replace(pair.key_path, key_pem(key), files.PRIVATE)
    files.replace(pair.certificate_path, certificate, files.PUBLIC)
