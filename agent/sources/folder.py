# SPDX-License-Identifier: Apache-2.0
"""The memory of a folder of manifests: what each file last said, and what it said when it was last in order."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.sources.assemble import assemble
from agent.sources.files import ChangedFile, Look, SeenFile, look_at
from agent.sources.model import DesiredPod, PodKey, Problem, Snapshot
from agent.sources.reading import FileReading, broken, read_manifest


@dataclass(frozen=True, slots=True)
class FileMemory:
    """A file's last reading, and `kept`: pods of earlier readings that a broken file no longer shows."""

    seen: SeenFile
    reading: FileReading
    kept: Mapping[PodKey, DesiredPod]


class ManifestFolder:
    """Reads a folder again and again at little cost: only files that changed are read and parsed.

    A file that was in order and is broken now keeps the pods it had, until it is in order again or is deleted.
    The same holds for a folder that cannot be read. Not to be used from two threads at once.
    """

    def __init__(self, folder: Path, *, node_name: str) -> None:
        """Nothing is read yet; node_name becomes the pods' spec.nodeName and part of their uids."""
        self._folder = folder
        self._node_name = node_name
        self._files: dict[str, FileMemory] = {}
        self._trouble = ""
        self._snapshot: Snapshot | None = None

    def read(self) -> Snapshot:
        """Look at the folder now. The same Snapshot object comes back while nothing has changed."""
        look = self.look()
        return self.accept(look, self.parse(look.changed))

    def look(self, busy: Collection[str] = ()) -> Look:
        """The first part of `read`: files and bytes. Names in `busy` are left as they were."""
        return look_at(self._folder, {name: file.seen for name, file in self._files.items()}, busy)

    def parse(self, changed: Iterable[ChangedFile]) -> dict[str, FileReading]:
        """The second part, which takes the time: about 0.3 ms for a small file."""
        return {file.name: self._reading(file) for file in changed}

    def accept(self, look: Look, readings: Mapping[str, FileReading]) -> Snapshot:
        """The third part: remember, and put the snapshot together."""
        is_same = look.trouble == self._trouble
        self._trouble = look.trouble
        if not look.trouble:
            is_same &= not self._forget(look.names)
            for file in look.changed:
                is_same &= not self._remember(file, readings[file.name])
        if self._snapshot is None or not is_same:
            self._snapshot = self._assemble()
        return self._snapshot

    def _reading(self, file: ChangedFile) -> FileReading:
        before = self._files.get(file.name)
        if before and before.seen.digest == file.seen.digest:
            return before.reading
        if file.trouble:
            return broken(file.name, file.trouble)
        return read_manifest(file.name, file.content, self._node_name)

    def _forget(self, names: Collection[str]) -> bool:
        gone = self._files.keys() - names
        for name in gone:
            del self._files[name]
        return bool(gone)

    def _remember(self, file: ChangedFile, reading: FileReading) -> bool:
        """Whether the reading differs from the one before."""
        before = self._files.get(file.name)
        kept = {} if reading.is_complete else _kept(before, reading)
        self._files[file.name] = FileMemory(file.seen, reading, kept)
        return before is None or before.reading != reading

    def _assemble(self) -> Snapshot:
        readings = {name: (file.reading, file.kept) for name, file in self._files.items()}
        if not self._trouble:
            return assemble(readings)
        rest = "; the pods last read from it run on" if self._files else ""
        return assemble(readings, Problem(str(self._folder), "", self._trouble + rest))


def _kept(before: FileMemory | None, reading: FileReading) -> dict[PodKey, DesiredPod]:
    """What a broken file showed before and does not show now."""
    if before is None:
        return {}
    shown = {pod.key for pod in reading.pods}
    earlier = {**before.kept, **{pod.key: pod for pod in before.reading.pods}}
    return {key: pod for key, pod in earlier.items() if key not in shown}
