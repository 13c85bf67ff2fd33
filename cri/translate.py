# SPDX-License-Identifier: Apache-2.0
"""gRPC's errors become ours here, and here only."""

import grpc
import grpc.aio

from cri.errors import CriError, from_status

# containerd serves its socket before its CRI plugin has recovered the pods, and says so with code UNKNOWN
# (1.6, 1.7).
_NOT_YET = "server is not initialized yet"
# A sandbox or container of that name is there or in the making; UNKNOWN in 1.6 and 1.7, FAILED_PRECONDITION
# in 2.1.
_RESERVED = "is reserved for"


def translate(operation: str, about: str, error: grpc.aio.AioRpcError) -> CriError:
    """The error for a failed call.

    Texts are looked at here alone, where containerd has no code for what it means.
    """
    code, detail = error.code().name, error.details() or "the runtime gives no reason"
    if code == "UNKNOWN" and _NOT_YET in detail:
        code = "UNAVAILABLE"
    elif code in ("UNKNOWN", "FAILED_PRECONDITION") and _RESERVED in detail:
        code = "ALREADY_EXISTS"
    return from_status(operation, about, code, detail)
