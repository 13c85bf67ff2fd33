# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with what a Service asks for."""


class AllocationError(Exception):
    """The wanted address or port cannot be given; the message says why."""


class TakenError(AllocationError):
    """Somebody else has it."""


class ExhaustedError(AllocationError):
    """Nothing is left in the range."""
