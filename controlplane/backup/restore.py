# SPDX-License-Identifier: Apache-2.0
"""Make a control plane of a backup.

The keys come first and the store last. Killed in between, a control plane has its old store and new keys, or keys
alone: doing it again ends the work. A server does not start in between, since it cannot have the store's lock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane.auth import files
from controlplane.backup import archive
from controlplane.backup.archive import KEYS, STORE, Manifest
from controlplane.backup.errors import BackupError, ExistingError
from controlplane.backup.folder import beside
from controlplane.backup.place import store_path
from controlplane.config import ControlPlaneConfig
from controlplane.store.errors import InUseError
from controlplane.store.sqlite.backup import install, stage
from controlplane.store.sqlite.lock import FileLock

_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Restored:
    """manifest: of the backup. first_revision: of the store from now on; no client has seen a higher one."""

    manifest: Manifest
    first_revision: int


def restore(
    config: ControlPlaneConfig, backup: Path, *, replace: bool, make_free: Callable[[], None] | None = None
) -> Restored:
    """Put the backup's store and keys where config says. replace: also when others are there.

    make_free: ends the server that has the store open; called once everything is ready to be put there.
    Blocks. Raises BackupError for a bad backup, ExistingError, InUseError while a server has the store, StoreError and
    PkiError. Until all of the backup is checked nothing is touched.
    """
    store = store_path(config)
    if not backup.is_file():
        raise BackupError(f"cannot restore {backup}: there is no such file")
    try:
        for folder in (store.parent, config.pki):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with beside(store) as folder:
            manifest = archive.unpack(backup, folder)
            if not replace:
                _refuse_to_replace(config, store, folder / "pki")
            first = stage(folder / STORE, folder / "new.db")
            lock = _lock(store, make_free)
            try:
                _install(config, store, folder)
            finally:
                lock.release()
    except OSError as error:
        raise BackupError(f"cannot restore {backup}: {error.strerror or error}") from error
    return Restored(manifest, first)


def _lock(store: Path, make_free: Callable[[], None] | None) -> FileLock:
    # Whoever keeps servers running starts another one at once: it may be faster than we are, but not every time.
    for _ in range(_TRIES if make_free else 0):
        try:
            return FileLock(store)
        except InUseError:
            assert make_free is not None
            make_free()
    return FileLock(store)


def _install(config: ControlPlaneConfig, store: Path, folder: Path) -> None:
    for name in KEYS:
        mode = files.PUBLIC if name.endswith(".crt") else files.PRIVATE
        files.replace(config.pki / name, files.read(folder / "pki" / name), mode)
    install(folder / "new.db", store)


def _refuse_to_replace(config: ControlPlaneConfig, store: Path, keys: Path) -> None:
    # Keys that are the backup's own are no obstacle: a restore that was killed left them.
    others = [config.pki / name for name in KEYS if _differs(config.pki / name, keys / name)]
    if there := [path for path in (store, *others) if path.exists()]:
        names = ", ".join(map(str, there))
        raise ExistingError(f"cannot restore: there is {names} already; use --force to replace what is there")


def _differs(present: Path, wanted: Path) -> bool:
    return present.exists() and present.read_bytes() != wanted.read_bytes()
