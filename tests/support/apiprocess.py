# SPDX-License-Identifier: Apache-2.0
"""`orlop controlplane` as a process, with plain clients of any identity: for what breaks, floods and kills it."""

import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controlplane.auth.certificates import CLIENT_AUTH, Authority, Names, Validity, issue, key_pem, new_key
from controlplane.auth.pki import Pki, open_pki
from tests.support.apiclient import ApiClient
from tests.support.controlplane_process import SECONDS, ControlPlaneProcess
from tests.support.wait import until


class ApiProcess(ControlPlaneProcess):
    """One control plane in a folder, ready when start returns."""

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.folder / "store.db"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None, "the control plane does not run"
        return self._process

    @property
    def pki(self) -> Pki:
        """Its certificates."""
        return open_pki(self.folder / "pki", datetime.now(UTC))

    def wait(self) -> None:
        """Until it says that it is ready."""
        super().wait()
        client = self.admin()
        try:
            until(lambda: client.get("/readyz").code == 200, SECONDS)
        finally:
            client.close()

    def ended(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        process, self._process = self.process, None
        return process.wait(SECONDS)

    def admin(self) -> ApiClient:
        """A client that may do everything."""
        pair = self.pki.client("admin", datetime.now(UTC))
        return self.caller(self.context(pair.certificate_path, pair.key_path))

    def person(self, name: str, *groups: str) -> ApiClient:
        """A client with a certificate of the cluster's authority."""
        return self.caller(self.identity(self.pki.authority, name, *groups))

    def caller(self, context: ssl.SSLContext) -> ApiClient:
        """A client with this TLS context."""
        return ApiClient(self.address, self.port, context)

    def identity(
        self, authority: Authority, name: str, *groups: str, lasts: timedelta = timedelta(hours=1)
    ) -> ssl.SSLContext:
        """A client's TLS context with a new certificate of an authority; lasts below zero: it has ended."""
        key, now = new_key(), datetime.now(UTC)
        period = Validity(min(now, now + lasts) - timedelta(minutes=5), now + lasts)
        certificate = issue(authority, Names(name, groups), key.public_key(), [CLIENT_AUTH], period)
        path = self.folder / f"client-{time.monotonic_ns()}"
        crt, private = path.with_suffix(".crt"), path.with_suffix(".key")
        crt.write_bytes(certificate)
        private.write_bytes(key_pem(key))
        return self.context(crt, private)

    def context(self, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        """A client's TLS context that trusts the cluster."""
        context = ssl.create_default_context(cafile=str(self.folder / "pki" / "ca.crt"))
        if certificate is not None and key is not None:
            context.load_cert_chain(certificate, key)
        return context
