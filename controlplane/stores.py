# SPDX-License-Identifier: Apache-2.0
"""Which store a URL means, opened."""

from pathlib import Path
from typing import TYPE_CHECKING

from controlplane.config import ETCD, MEMORY, EtcdAccess, split_store
from controlplane.errors import ConfigError
from controlplane.store.interface import Store
from controlplane.store.memory import MemoryStore

if TYPE_CHECKING:
    from controlplane.store.etcd.options import EtcdOptions


async def open_store(url: str, etcd: EtcdAccess | None = None) -> Store:
    """The store of a URL; see ControlPlaneConfig. Raises StoreError, and ConfigError for files that cannot be read."""
    kind, place = split_store(url)
    if kind == MEMORY:
        return MemoryStore()
    if kind == ETCD:
        # grpc takes a tenth of a second to import, which only etcd needs.
        from controlplane.store.etcd.store import open_etcd

        return await open_etcd(_etcd_options(place, etcd or EtcdAccess()))
    from controlplane.store.sqlite.store import open_sqlite

    path = Path(place)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return await open_sqlite(path)


def _etcd_options(endpoints: str, access: EtcdAccess) -> "EtcdOptions":
    from controlplane.store.etcd.options import EtcdOptions, Tls

    def read(path: Path | None) -> bytes | None:
        try:
            return path.read_bytes() if path else None
        except OSError as error:
            raise ConfigError(f"cannot use etcd: cannot read {path}: {error.strerror}") from error

    try:
        ca = read(access.ca)
        tls = ca and Tls(ca, read(access.certificate), read(access.key), access.server_name)
        return EtcdOptions(tuple(endpoints.split(",")), root=access.root, tls=tls or None)
    except ValueError as error:
        raise ConfigError(str(error)) from error
