# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, with the code that the CNI specification gives it (section "Error").

Codes below 100 belong to the specification, those from 100 on are ours. `str(error)` is the whole story:
what, where, why and what to do.
"""

import copy
from typing import Self


class NetpluginError(Exception):
    """Base of all; `code` is the CNI error code, `details` may add a longer text."""

    code = 999

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details

    def within(self, doing: str) -> Self:
        """The same error with what we were doing in front of it."""
        made = copy.copy(self)
        made.args = (f"{doing}: {self}",)
        return made


class IncompatibleVersionError(NetpluginError):
    """The config asks for a version of the specification that we, or this verb, do not have."""

    code = 1


class UnsupportedFieldError(NetpluginError):
    """The config has a key that we do not know; the message holds key and value."""

    code = 2


class EnvironmentVariableError(NetpluginError):
    """A CNI_* variable is missing or malformed; the message names it."""

    code = 4


class InputOutputError(NetpluginError):
    """A file of ours could not be read or written."""

    code = 5


class DecodeError(NetpluginError):
    """Standard input is not a JSON object."""

    code = 6


class ConfigError(NetpluginError):
    """A field of the config has an impossible value; the message names field, value and what is accepted."""

    code = 7


class TryAgainError(NetpluginError):
    """Something passing is in the way; the same call may succeed later."""

    code = 11


class NotReadyError(NetpluginError):
    """STATUS: an ADD could not be served now."""

    code = 50


class PoolFullError(NetpluginError):
    """Every address of a range is held."""

    code = 100


class AddressTakenError(NetpluginError):
    """An address that was asked for by name is held by somebody else, or is not ours to give."""

    code = 101


class KernelError(NetpluginError):
    """The kernel refused an operation; `errno` says why."""

    code = 102

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class CheckFailedError(NetpluginError):
    """CHECK: the kernel's state is not what ADD returned; the message lists the differences."""

    code = 103


class DaemonError(NetpluginError):
    """The daemon cannot start, e.g. because another one serves the same socket."""

    code = 104


class HostPortTakenError(NetpluginError):
    """A port of the node that the pod asks for leads to another pod."""

    code = 105
