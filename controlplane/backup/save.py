# SPDX-License-Identifier: Apache-2.0
"""Make a backup: of a control plane that runs or of one that does not."""

from datetime import datetime
from pathlib import Path

from controlplane.backup import archive
from controlplane.backup.archive import KEYS, STORE, Manifest
from controlplane.backup.errors import BackupError
from controlplane.backup.folder import beside, put
from controlplane.backup.place import store_path
from controlplane.config import ControlPlaneConfig
from controlplane.store.sqlite.backup import write_backup


def back_up(config: ControlPlaneConfig, target: Path, now: datetime) -> Manifest:
    """Write one moment of the control plane to target, which appears whole and is for its owner's eyes only.

    Blocks. The server may run: it goes on reading and writing. target is replaced. Raises BackupError, StoreError.
    """
    store = store_path(config)
    keys = {f"pki/{name}": config.pki / name for name in KEYS}
    for path in (store, *keys.values()):
        if not path.is_file():
            raise BackupError(
                f"cannot back up: there is no {path}; a control plane makes it at its first start"
            )
    try:
        with beside(target) as folder:
            # First the store: keys that are in use by then are on the disk for longer than it took.
            revision = write_backup(store, folder / STORE)
            files = {**keys, STORE: folder / STORE}
            manifest = archive.describe(now.strftime("%Y-%m-%dT%H:%M:%SZ"), config.release, revision, files)
            archive.write(folder / "whole.tar", manifest, files)
            put(folder / "whole.tar", target)
    except OSError as error:
        raise BackupError(f"cannot back up to {target}: {error.strerror or error}") from error
    return manifest
