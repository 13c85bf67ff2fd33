# SPDX-License-Identifier: Apache-2.0
"""The store in one SQLite file: durable, one process, no server."""

from controlplane.store.sqlite.backup import restore
from controlplane.store.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite", "restore"]
