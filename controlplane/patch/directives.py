# SPDX-License-Identifier: Apache-2.0
"""The directives of strategic merge patches, and what a patch says of something that is not there yet."""

from typing import Any, Final

from controlplane.errors import ApiError
from controlplane.patch.errors import malformed
from controlplane.patch.plain import Json

DIRECTIVE: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
ELEMENT_ORDER: Final = "$setElementOrder/"
DELETE_FROM: Final = "$deleteFromPrimitiveList/"

MERGE: Final = "merge"
REPLACE: Final = "replace"
DELETE: Final = "delete"

Path = tuple[str, ...]


def bad_patch(path: Path, why: str) -> ApiError:
    """400: at this place of the patch."""
    return malformed(f"{'.'.join(path) or 'the patch'}: {why}")


def verb_of(patch: Json, path: Path) -> str:
    """What to do with an object: merge unless it says otherwise. Raises ApiError 400."""
    verb = patch.get(DIRECTIVE, MERGE)
    if verb not in (MERGE, REPLACE, DELETE):
        raise bad_patch(path, f'{DIRECTIVE} must be replace, delete or merge, not "{verb}"')
    return str(verb)


def check_names(patch: Json, path: Path) -> None:
    """Refuse directives that do not exist."""
    for key in patch:
        if (
            key.startswith("$")
            and key not in (DIRECTIVE, RETAIN_KEYS)
            and not key.startswith((ELEMENT_ORDER, DELETE_FROM))
        ):
            raise bad_patch(path, f"there is no directive {key}")


def fresh(value: Any, path: Path) -> Any:
    """The value that a patch gives to a place that was empty: no directives, no nulls, and every item it lists.

    Items are not merged with each other: two ports of one number are two ports.
    """
    if isinstance(value, list):
        return [fresh(item, path) for item in value if not _is_order(item, path)]
    if not isinstance(value, dict):
        return value
    check_names(value, path)
    verb_of(value, path)
    return {
        key: fresh(item, (*path, key))
        for key, item in value.items()
        if item is not None and not key.startswith("$") and not _deletes(item)
    }


def _is_order(item: Any, path: Path) -> bool:
    """An item that says what to do with others instead of being one."""
    return isinstance(item, dict) and verb_of(item, path) != MERGE


def _deletes(item: Any) -> bool:
    return isinstance(item, dict) and item.get(DIRECTIVE) == DELETE
