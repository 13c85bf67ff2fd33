# SPDX-License-Identifier: Apache-2.0
"""JSON Patch (RFC 6902): a list of operations, of which all are applied or none.

One thing is as Kubernetes has it and not as the RFC: a `test` for null succeeds where the last member is absent,
which clients use to say "only if it is not there yet".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from controlplane.errors import ApiError
from controlplane.patch.errors import inapplicable, malformed, too_large
from controlplane.patch.plain import MAX_DEPTH, Json, clone, depth, same, size
from controlplane.patch.pointer import END, PointerError, index, look_up, parse, step

# Bounds of one patch, as in k8s.io/apiserver: operations, and bytes that all its copies may make.
MAX_OPERATIONS: Final = 10_000
MAX_COPIED_BYTES: Final = 3 * 1024 * 1024

_NEEDS_VALUE: Final = ("add", "replace", "test")
_NEEDS_FROM: Final = ("move", "copy")


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation, checked; where says in errors which one it is."""

    where: str
    verb: str
    path: tuple[str, ...]
    source: tuple[str, ...]
    value: Any


class _Document:
    """The document under work; changes in place."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.copied = 0

    def test(self, operation: _Operation) -> None:
        if not same(self._present(operation.path), operation.value):
            raise PointerError("the value there is another one")

    def _present(self, path: tuple[str, ...]) -> Any:
        if not path:
            return self.root
        parent = look_up(self.root, path[:-1])
        return parent.get(path[-1]) if isinstance(parent, dict) else step(parent, path[-1])

    def add(self, operation: _Operation) -> None:
        self._put(operation.path, clone(operation.value))

    def _put(self, path: tuple[str, ...], value: Any) -> None:
        if not path:
            self.root = value
            return
        parent, last = look_up(self.root, path[:-1]), path[-1]
        if isinstance(parent, list):
            at = len(parent) if last == END else index(last, len(parent) + 1)
            parent.insert(at, value)
        elif isinstance(parent, dict):
            parent[last] = value
        else:
            raise PointerError(f'"{last}" leads into a value that is neither an object nor a list')

    def remove(self, operation: _Operation) -> None:
        self._take(operation.path)

    def _take(self, path: tuple[str, ...]) -> Any:
        if not path:
            raise PointerError("the whole object cannot be removed")
        parent, last = look_up(self.root, path[:-1]), path[-1]
        value = step(parent, last)
        parent.pop(int(last) if isinstance(parent, list) else last)
        return value

    def replace(self, operation: _Operation) -> None:
        path, value = operation.path, clone(operation.value)
        if not path:
            self.root = value
            return
        parent, last = look_up(self.root, path[:-1]), path[-1]
        step(parent, last)
        parent[int(last) if isinstance(parent, list) else last] = value

    def move(self, operation: _Operation) -> None:
        source, path = operation.source, operation.path
        if len(source) < len(path) and path[: len(source)] == source:
            raise PointerError("a value cannot be moved into itself")
        if source == path:
            look_up(self.root, path)
            return
        self._put(path, self._take(source))

    def copy(self, operation: _Operation) -> None:
        value = look_up(self.root, operation.source)
        if depth(value) > MAX_DEPTH:
            raise _too_deep()
        self.copied += size(value)
        if self.copied > MAX_COPIED_BYTES:
            raise too_large(f"{operation.where}: its copies make more than {MAX_COPIED_BYTES} bytes")
        self._put(operation.path, clone(value))


_VERBS: Final[dict[str, Callable[[_Document, _Operation], None]]] = {
    "add": _Document.add,
    "remove": _Document.remove,
    "replace": _Document.replace,
    "move": _Document.move,
    "copy": _Document.copy,
    "test": _Document.test,
}


def apply_json_patch(obj: Json, operations: object) -> Json:
    """The patched object, which shares nothing with obj or operations.

    Raises ApiError: 400 for operations that are malformed, 422 for one that does not fit (its index and path are
    named), 413 for too many operations or bytes copied.
    """
    checked = _check(operations)
    document = _Document(clone(obj))
    for operation in checked:
        try:
            _VERBS[operation.verb](document, operation)
        except PointerError as error:
            raise inapplicable(f"{operation.where}: {error}") from error
    if not isinstance(document.root, dict):
        raise inapplicable("the result is not an object")
    if depth(document.root) > MAX_DEPTH:
        raise _too_deep()
    return document.root


def _check(operations: object) -> list[_Operation]:
    if not isinstance(operations, list):
        raise malformed("a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        raise too_large(f"it has {len(operations)} operations; at most {MAX_OPERATIONS} are accepted")
    if depth(operations) > MAX_DEPTH:
        raise malformed(f"it is nested deeper than {MAX_DEPTH} levels")
    return [_operation(position, item) for position, item in enumerate(operations)]


def _operation(position: int, item: object) -> _Operation:
    if not isinstance(item, dict):
        raise malformed(f"operation {position} is not an object")
    verb, path = item.get("op"), item.get("path")
    if not isinstance(verb, str) or verb not in _VERBS:
        raise malformed(f'operation {position}: "op" must be one of {", ".join(_VERBS)}')
    where = f"operation {position} ({verb} {path})"
    if verb in _NEEDS_VALUE and "value" not in item:
        raise malformed(f'{where}: "value" is missing')
    source = _pointer(where, "from", item.get("from")) if verb in _NEEDS_FROM else ()
    return _Operation(where, verb, _pointer(where, "path", path), source, item.get("value"))


def _pointer(where: str, member: str, text: object) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise malformed(f'{where}: "{member}" must be a JSON pointer')
    try:
        tokens = parse(text)
    except PointerError as error:
        raise malformed(f'{where}: "{member}": {error}') from error
    if len(tokens) > MAX_DEPTH:
        raise malformed(f'{where}: "{member}" is deeper than {MAX_DEPTH} levels')
    return tokens


def _too_deep() -> ApiError:
    return inapplicable(f"the result is nested deeper than {MAX_DEPTH} levels")
