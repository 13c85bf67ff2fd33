# SPDX-License-Identifier: Apache-2.0
"""What the probes last said of each container, kept over a restart of the agent.

One small file for each container that has probes, named by its id, so it cannot speak of another one; gone with the
container. It lies in the run folder: after a reboot no container is left that it could speak of. A file that an agent
did not come to write says what was true a moment before, and the next probe puts it right.
"""

from collections.abc import Iterable
from pathlib import Path

from agent.probe.model import Remembered

_STARTED, _READY = "started", "ready"


class ProbeMemory:
    """The folder of these files."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first file is written."""
        self._folder = folder

    def read(self, container_id: str) -> Remembered | None:
        """What was said last; None for a container that nothing was said of."""
        try:
            words = (self._folder / container_id).read_text(errors="replace").split()
        except OSError:
            return None
        return Remembered(_STARTED in words, _READY in words)

    def write(self, container_id: str, state: Remembered) -> None:
        """Replace the file in one step."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._folder / f".{container_id}"
        words = [word for word, holds in ((_STARTED, state.started), (_READY, state.ready)) if holds]
        new.write_text(" ".join(words) + "\n")
        new.rename(self._folder / container_id)

    def forget(self, container_ids: Iterable[str]) -> None:
        """Remove the files of containers that are gone."""
        for container_id in container_ids:
            (self._folder / container_id).unlink(missing_ok=True)

    def known(self) -> frozenset[str]:
        """The containers that there is a file of."""
        try:
            return frozenset(p.name for p in self._folder.iterdir() if not p.name.startswith("."))
        except FileNotFoundError:
            return frozenset()
