# SPDX-License-Identifier: Apache-2.0
"""JSON Merge Patch (RFC 7396): objects are merged, null removes, everything else replaces."""

from typing import Any

from controlplane.patch.errors import malformed
from controlplane.patch.plain import MAX_DEPTH, Json, clone, depth


def apply_merge_patch(obj: Json, patch: object) -> Json:
    """The patched object, which shares nothing with obj or patch. Raises ApiError 400 for a patch that is no object."""
    if not isinstance(patch, dict):
        raise malformed("a merge patch of an object is an object")
    if depth(patch) > MAX_DEPTH:
        raise malformed(f"it is nested deeper than {MAX_DEPTH} levels")
    merged: Json = _merge(clone(obj), patch)
    return merged


def _merge(target: Any, patch: Json) -> Json:
    """Merge into target, which may be changed."""
    result = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merge(result.get(key), value)
        else:
            result[key] = clone(value)
    return result
