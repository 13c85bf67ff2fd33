# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a lab."""


class LabError(Exception):
    """A lab could not be made, found or removed; the message says what, where, why and what to do."""


class LabNotFoundError(LabError):
    """There is no lab below the given root folder."""


class LabRefusedError(LabError):
    """The root folder or the name belongs to something else; nothing was touched."""


class LabStartError(LabError):
    """A process of the lab did not start; the message ends with the last lines of its log."""


class LabLeftoverError(LabError):
    """`down` did all it could and some things are still there: `problems` holds one sentence for each."""

    def __init__(self, what: str, problems: tuple[str, ...]) -> None:
        """Keep the sentences and put them into the message, one a line."""
        super().__init__("\n  ".join([f"cannot remove all of {what}:", *problems]))
        self.problems = problems
