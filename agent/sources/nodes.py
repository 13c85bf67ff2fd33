# SPDX-License-Identifier: Apache-2.0
"""YAML text into trees of nodes that remember their lines, and the way back from a path to its line."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from agent.sources.errors import ManifestError
from agent.sources.yaml_errors import explain
from kube.problem import Path

MAX_DEPTH: Final = 64
TOO_DEEP: Final = f"nested too deeply, or an alias contains itself; accepted: at most {MAX_DEPTH} levels"
# The tag of a scalar that has neither a tag nor quotes; what it means is decided later.
PLAIN: Final = "plain"
STRING: Final = "tag:yaml.org,2002:str"
SEQUENCE: Final = "tag:yaml.org,2002:seq"
MAPPING: Final = "tag:yaml.org,2002:map"


class _Loader(yaml.CSafeLoader):
    """libyaml's composer, made to leave plain scalars alone and to stop before its recursion fills the stack."""

    _depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:  # noqa: ARG002
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else STRING
        return SEQUENCE if kind is yaml.SequenceNode else MAPPING

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:  # noqa: ARG002
        self._depth += 1
        # A scalar counts as a level of its own.
        if self._depth > MAX_DEPTH + 1:
            raise ManifestError(TOO_DEEP, line=line_of(current_node))

    def ascend_resolver(self) -> None:
        self._depth -= 1


def compose(text: str) -> Iterator[yaml.Node]:
    """The documents of a text, one tree each; raises ManifestError at the first fault of syntax."""
    try:
        loader = _Loader(text)
        try:
            while loader.check_node():
                if node := loader.get_node():
                    yield node
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise explain(error, text) from error


def line_of(node: yaml.Node) -> int:
    """The first line of a node, from 1."""
    return int(node.start_mark.line) + 1


def locate(root: yaml.Node, path: Path) -> int:
    """The line of the field at path, or of the innermost thing around it that is there."""
    node, line = root, line_of(root)
    for part in path:
        found = _step(node, part)
        if found is None:
            return line
        line, node = found
    return line


def merged(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """The mappings that the merge keys ("<<") of this one bring in, the most important first."""
    for key, value in node.value:
        if is_merge(key):
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from (source for source in sources if isinstance(source, yaml.MappingNode))


def is_merge(key: yaml.Node) -> bool:
    """Whether a key is "<<" without quotes."""
    return key.value == "<<" and key.tag in (PLAIN, "tag:yaml.org,2002:merge")


def _step(node: yaml.Node, part: str | int, depth: int = 0) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode):
        items = node.value
        known = isinstance(part, int) and part < len(items)
        return (line_of(items[part]), items[part]) if known else None
    if not isinstance(node, yaml.MappingNode) or depth > MAX_DEPTH:
        return None
    for key, value in node.value:
        if key.value == part:
            return line_of(key), value
    found = (_step(source, part, depth + 1) for source in merged(node))
    return next(filter(None, found), None)
