# SPDX-License-Identifier: Apache-2.0
"""The bytes of one manifest file into its pods and problems; pure."""

from dataclasses import dataclass
from typing import Final

from agent.sources.build import Fault
from agent.sources.documents import Document, read_documents
from agent.sources.errors import ManifestError
from agent.sources.model import DesiredPod, Problem
from agent.sources.objects import ReadPod, read_objects

MAX_BYTES: Final = 1024 * 1024
_MOST_PROBLEMS: Final = 50
# Finding a line takes time, so that of a file with thousands of faults not all are looked for.
_MOST_LOCATED: Final = 200


@dataclass(frozen=True, slots=True)
class FileReading:
    """What a file says. With problems its list of pods may lack some that the author meant to be there."""

    pods: tuple[DesiredPod, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every document was understood."""
        return not self.problems


def read_manifest(name: str, content: bytes, node_name: str) -> FileReading:
    """Read a file; never raises for what is in it. A fault of syntax anywhere makes the whole file unreadable."""
    try:
        documents = read_documents(_decoded(content), is_json=name.lower().endswith(".json"))
    except ManifestError as error:
        return FileReading((), (Problem(_source(name, error.line), "", str(error)),))
    pods: list[DesiredPod] = []
    faults: list[Fault] = []
    left_out = 0
    for document in documents:
        faults += document.faults
        for read in read_objects(document.data, node_name):
            located = read.problems[: max(0, _MOST_LOCATED - len(faults))]
            faults += [Fault(document.line_at(problem.path), problem) for problem in located]
            left_out += len(read.problems) - len(located)
            if read.pod and not document.faults:
                pods.append(_desired(name, document, read))
    return FileReading(tuple(pods), _problems(name, faults, left_out))


def broken(name: str, message: str) -> FileReading:
    """What is known of a file that cannot even be read."""
    return FileReading((), (Problem(name, "", message),))


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise ManifestError(f"the file is too large; accepted: at most {MAX_BYTES} bytes")
    if not content.strip():
        raise ManifestError("the file is empty; accepted: Pods, comments alone, or no file")
    if b"\0" in content:
        raise ManifestError("the file is not text: it has zero bytes; accepted: YAML or JSON in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"the file is not UTF-8: byte {content[error.start]:#04x} does not fit; accepted: UTF-8"
        raise ManifestError(message, line=line) from error


def _desired(name: str, document: Document, read: ReadPod) -> DesiredPod:
    metadata = read.pod.metadata if read.pod else None
    if read.pod is None or metadata is None or metadata.uid is None:
        raise ValueError(f"a pod of {name} was read without problems and without a uid")
    line = document.line_at(read.path) if read.path else document.line
    return DesiredPod(read.key, metadata.uid, read.pod, _source(name, line))


def _problems(name: str, faults: list[Fault], left_out: int) -> tuple[Problem, ...]:
    """In the order of their lines, and not more than a person can want to see."""
    shown = sorted(faults, key=lambda fault: fault.line)[:_MOST_PROBLEMS]
    problems = [
        Problem(_source(name, fault.line), fault.problem.field, fault.problem.text) for fault in shown
    ]
    if more := left_out + len(faults) - len(shown):
        problems.append(Problem(name, "", f"{more} more problems are not shown"))
    return tuple(problems)


def _source(name: str, line: int) -> str:
    return f"{name}:{line}" if line else name
