# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with copies of a control plane."""


class BackupError(Exception):
    """A backup cannot be made, read or restored; the message says what, why and what to do."""


class ExistingError(BackupError):
    """A restore would replace what is there, and nobody said that it may."""
