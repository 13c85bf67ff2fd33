# SPDX-License-Identifier: Apache-2.0
"""The documents of a manifest file as plain data, each able to tell the line of any of its fields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from agent.sources.build import Builder, Fault
from agent.sources.errors import ManifestError
from agent.sources.json_text import read_json
from agent.sources.nodes import compose, line_of, locate
from kube.problem import FieldProblem, Path, ProblemKind


@dataclass(frozen=True, slots=True)
class Document:
    """`line` is its first line, from 1; `line_at` gives that of a field, and of what surrounds an absent one."""

    line: int
    data: Any
    faults: tuple[Fault, ...]
    line_at: Callable[[Path], int]


def read_documents(text: str, *, is_json: bool) -> list[Document]:
    """All documents of a file. Raises ManifestError when the text as a whole cannot be understood."""
    return list(_json_documents(text) if is_json else _yaml_documents(text))


def _yaml_documents(text: str, first_line: int = 1) -> Iterator[Document]:
    before = first_line - 1
    for root in compose(text):
        builder = Builder()
        data = builder.build(root)
        faults = tuple(Fault(fault.line + before, fault.problem) for fault in builder.faults)
        yield Document(line_of(root) + before, data, faults, _finder(root, before))


def _finder(root: yaml.Node, before: int) -> Callable[[Path], int]:
    return lambda path: locate(root, path) + before


def _json_documents(text: str) -> Iterator[Document]:
    for value in read_json(text):
        faults: tuple[Fault, ...] = ()
        if value.repeated:
            problem = FieldProblem(
                (), f"the key {value.repeated} is there twice", "each key once", ProblemKind.DUPLICATE
            )
            faults = _json_faults(value.text, value.line) or (Fault(value.line, problem),)
        yield Document(value.line, value.data, faults, _lazy_finder(value.text, value.line))


def _json_faults(text: str, line: int) -> tuple[Fault, ...]:
    """JSON is YAML, and nodes know their lines; texts that YAML cannot read give nothing."""
    try:
        return next(_yaml_documents(text, line)).faults
    except (ManifestError, StopIteration):
        return ()


def _lazy_finder(text: str, line: int) -> Callable[[Path], int]:
    """Lines of a JSON document are wanted only when it has a problem, so nodes are made only then."""
    found: list[Callable[[Path], int]] = []

    def line_at(path: Path) -> int:
        if not found:
            try:
                found.append(next(_yaml_documents(text, line)).line_at)
            except (ManifestError, StopIteration):
                found.append(lambda _path: line)
        return found[0](path)

    return line_at
