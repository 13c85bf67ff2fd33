# SPDX-License-Identifier: Apache-2.0
"""What resourceVersion and resourceVersionMatch of a get, list or watch mean."""

from dataclasses import dataclass

from controlplane.errors import ApiError, Cause, bad_request
from controlplane.store.interface import Store
from controlplane.verbs.errors import from_the_future

EXACT = "Exact"
NOT_OLDER = "NotOlderThan"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which state a read is about: `at` is an exact revision (0: now), `least` one that has to be reached."""

    at: int = 0
    least: int = 0

    async def check(self, store: Store) -> None:
        """Raises ApiError 504 for a revision that the store has not reached."""
        asked = max(self.at, self.least)
        if asked and asked > (current := await store.current_revision()):
            raise from_the_future(asked, current)


def parse_revision(text: str) -> int:
    """A resourceVersion as a number; 0 for "" and "0". Raises ApiError 400."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_request(
            f"Invalid value: {text[:80]!r}: resourceVersion has to be a number that a read gave"
        )
    return int(text)


def wanted_for_list(text: str, match: str, *, limit: int, continued: bool) -> Wanted:
    """The table of Kubernetes' API concepts, "resource versions" for lists. Raises ApiError 400 or 422."""
    revision = parse_revision(text)
    if match:
        _check_match(text, match, revision, continued=continued)
    if continued:
        if revision:
            raise bad_request("specifying resource version is not allowed when using continue")
        return Wanted()
    exact = match == EXACT or (not match and limit > 0)
    return Wanted(at=revision) if exact else Wanted(least=revision)


def _check_match(text: str, match: str, revision: int, *, continued: bool) -> None:
    if match not in (EXACT, NOT_OLDER):
        raise _forbidden(match, f"supported values: {EXACT}, {NOT_OLDER}")
    if continued:
        raise _forbidden(match, "resourceVersionMatch is forbidden when continue is provided")
    if not text:
        raise _forbidden(match, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match == EXACT and not revision:
        raise _forbidden(match, 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')


def _forbidden(match: str, why: str) -> ApiError:
    cause = Cause("FieldValueForbidden", why, "resourceVersionMatch")
    text = f'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: {match[:80]!r}: {why}'
    return ApiError(422, "Invalid", text, group="meta.k8s.io", kind="ListOptions", causes=(cause,))
