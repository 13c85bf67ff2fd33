# SPDX-License-Identifier: Apache-2.0
"""Which control planes can be copied."""

from pathlib import Path

from controlplane.backup.errors import BackupError
from controlplane.config import ETCD, SQLITE, ControlPlaneConfig, split_store


def store_path(config: ControlPlaneConfig) -> Path:
    """The SQLite file. Raises BackupError for the other stores."""
    kind, place = split_store(config.store)
    if kind == SQLITE:
        return Path(place)
    if kind == ETCD:
        keys = ", ".join(str(config.pki / name) for name in ("ca.crt", "ca.key", "sa.key"))
        raise BackupError(
            f"cannot back up or restore {config.store}: etcd's data is copied by etcd's own tools "
            f"(etcdctl snapshot save, restore); copy {keys} beside it"
        )
    raise BackupError(f"cannot back up or restore {config.store}: it is gone when its process ends")
