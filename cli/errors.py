# SPDX-License-Identifier: Apache-2.0
"""Errors as the user sees them: one clear line, exit code 1, no traceback."""

import click


class CliError(click.ClickException):
    """What the command could not do, why, and what to do about it."""
