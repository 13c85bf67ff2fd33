# SPDX-License-Identifier: Apache-2.0
"""Trees of YAML nodes into plain data, noting what YAML allows and a manifest may not have."""

from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from agent.sources.errors import ManifestError
from agent.sources.nodes import (
    MAPPING,
    MAX_DEPTH,
    PLAIN,
    SEQUENCE,
    STRING,
    TOO_DEEP,
    is_merge,
    line_of,
)
from agent.sources.scalars import Scalar, plain_value
from kube.problem import FieldProblem, Path, ProblemKind, show

# How many values aliases (*name) may add to a document; without a limit a few lines grow to gigabytes.
MAX_ALIASED: Final = 10_000
_TYPED: Final[dict[str, tuple[type, ...]]] = {
    "tag:yaml.org,2002:int": (int,),
    "tag:yaml.org,2002:float": (int, float),
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:null": (type(None),),
}
_ACCEPTED_TAGS: Final = "no tag, or one of !!str, !!int, !!float, !!bool, !!null, !!seq, !!map"


@dataclass(frozen=True, slots=True)
class Fault:
    """A field problem whose line is known already."""

    line: int
    problem: FieldProblem


@dataclass(slots=True)
class Builder:
    """Builds one document. After `build`, `faults` has what is wrong with it; the data is usable all the same."""

    faults: list[Fault] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _aliased: int = 0

    def build(self, node: yaml.Node, path: Path = ()) -> Any:
        """Plain data: dicts with text keys, lists, scalars. Raises ManifestError past a limit."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if len(path) > MAX_DEPTH:
            raise ManifestError(TOO_DEEP, line=line_of(node))
        self._count(node)
        if node.tag not in (SEQUENCE, MAPPING):
            self._bad_tag(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _count(self, node: yaml.Node) -> None:
        """The composer gives one and the same node for an anchor and its aliases."""
        if id(node) not in self._seen:
            self._seen.add(id(node))
            return
        self._aliased += 1 + len(node.value)
        if self._aliased > MAX_ALIASED:
            message = (
                f"aliases make the document too large; accepted: at most {MAX_ALIASED} values through aliases"
            )
            raise ManifestError(message, line=line_of(node))

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        inherited: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._report(
                    key, FieldProblem(path, "a list or an object is used as a key", "text as the key")
                )
            elif is_merge(key):
                inherited = {**self._merge(value, path), **inherited}
            else:
                name = key.value
                if name in made:
                    self._report(key, _repeated((*path, name), name, lines[name]))
                lines[name] = line_of(key)
                made[name] = self.build(value, (*path, name))
        return {**inherited, **made} if inherited else made

    def _merge(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """What "<<" brings in: of several mappings the first wins."""
        value = self.build(node, (*path, "<<"))
        merged: dict[str, Any] = {}
        for source in reversed(value if isinstance(value, list) else [value]):
            if isinstance(source, dict):
                merged |= source
            else:
                problem = FieldProblem((*path, "<<"), f"cannot merge {show(source)}", "an alias of an object")
                self._report(node, problem)
        return merged

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Scalar:
        if node.tag == PLAIN:
            return plain_value(node.value)
        if node.tag in (STRING, "!"):
            return str(node.value)
        value = plain_value(node.value)
        if not isinstance(value, _TYPED.get(node.tag, ())):
            self._bad_tag(node, path)
        return value

    def _bad_tag(self, node: yaml.Node, path: Path) -> None:
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        self._report(node, FieldProblem(path, f"the tag {tag} does not fit here", _ACCEPTED_TAGS))

    def _report(self, node: yaml.Node, problem: FieldProblem) -> None:
        self.faults.append(Fault(line_of(node), problem))


def _repeated(path: Path, name: str, first: int) -> FieldProblem:
    message = f"the key {show(name)} is there twice, first at line {first}"
    return FieldProblem(path, message, "each key once", ProblemKind.DUPLICATE)
