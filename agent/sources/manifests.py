# SPDX-License-Identifier: Apache-2.0
"""Pods from a folder of manifests: read once, or followed as it changes."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.sources.events import FolderEvents
from agent.sources.files import STAMP_GRAIN, ChangedFile, Look, printable_name
from agent.sources.folder import ManifestFolder
from agent.sources.model import Snapshot

__all__ = ["ManifestFolder", "read_folder", "watch"]

RESCAN_SECONDS: Final = 20.0
# Up to this many bytes are parsed on the spot, in about 2 ms; more are handed to a thread.
_PARSED_AT_ONCE: Final = 8 * 1024
_LONGEST_REST: Final = 0.1


def read_folder(folder: Path, *, node_name: str) -> Snapshot:
    """What the folder says now. Never raises for what is in it, nor when it is missing."""
    return ManifestFolder(folder, node_name=node_name).read()


async def watch(
    folder: Path, *, node_name: str, rescan_seconds: float = RESCAN_SECONDS
) -> AsyncIterator[Snapshot]:
    """What the folder says now, and again whenever that has changed, for ever.

    Changes are seen by inotify, and at the latest at a rescan. A file that is being written is read when its writer
    closes it. Snapshots that nobody took in time are left out: the next one is always the newest.
    """
    manifests = ManifestFolder(folder, node_name=node_name)
    last: Snapshot | None = None
    with FolderEvents(folder) as events:
        while True:
            started = time.monotonic()
            snapshot = await _refresh(manifests, events)
            rest = min(time.monotonic() - started, _LONGEST_REST)
            if snapshot is not last:
                last = snapshot
                yield snapshot
            # A storm of events costs at most half a core: one change alone is never held up by this.
            await asyncio.sleep(rest)
            await events.wait(rescan_seconds)


async def _refresh(manifests: ManifestFolder, events: FolderEvents) -> Snapshot:
    look = await asyncio.to_thread(manifests.look, events.begin_look())
    whole = _without_unfinished(look, events.end_look())
    if any(_is_only_just_empty(file) for file in look.changed):
        events.look_again(STAMP_GRAIN / 1e9)
    if sum(len(file.content) for file in whole.changed) > _PARSED_AT_ONCE:
        readings = await asyncio.to_thread(manifests.parse, whole.changed)
    else:
        readings = manifests.parse(whole.changed)
    return manifests.accept(whole, readings)


def _without_unfinished(look: Look, unfinished: frozenset[str]) -> Look:
    """Leave out what was, or may have been, written while it was read. It is read when its writer is done."""
    names = {printable_name(name) for name in unfinished}
    changed = (file for file in look.changed if file.name not in names and not _is_only_just_empty(file))
    return replace(look, changed=tuple(changed))


def _is_only_just_empty(file: ChangedFile) -> bool:
    """A file may be seen empty before the kernel tells that its writer has truncated or made it."""
    return not (file.content or file.trouble or file.seen.stamp)
