# SPDX-License-Identifier: Apache-2.0
"""Refusals of patches. All are ApiErrors: a patch comes from a client and its faults go back to the client."""

from controlplane.errors import ApiError, bad_request


def malformed(why: str) -> ApiError:
    """400: the patch is not of the form that its content type demands."""
    return bad_request(f"cannot read the patch: {why}")


def inapplicable(why: str) -> ApiError:
    """422: a well-formed patch that does not fit the object as it is."""
    return ApiError(422, "Invalid", f"cannot apply the patch: {why}")


def too_large(why: str) -> ApiError:
    """413: more work than one patch may ask for."""
    return ApiError(413, "RequestEntityTooLarge", f"cannot apply the patch: {why}")
