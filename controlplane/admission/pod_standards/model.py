# SPDX-License-Identifier: Apache-2.0
"""Levels, versions and the policy that a namespace's labels ask for (pod-security.kubernetes.io/...)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

PREFIX: Final = "pod-security.kubernetes.io/"
LATEST: Final = 1 << 30
"""The minor version that "latest" stands for: past every other."""

_VERSION: Final = re.compile(r"v1\.(0|[1-9][0-9]{0,8})")


class Level(StrEnum):
    """From what may do everything to what may do little."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"

    @property
    def strictness(self) -> int:
        """Greater is stricter."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Standard:
    """A level as one version of Kubernetes (1.minor) defines it."""

    level: Level = Level.PRIVILEGED
    minor: int = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor == LATEST else f'v1.{self.minor}'}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is refused, what is noted for the audit log, what the user is warned of."""

    enforce: Standard = field(default_factory=Standard)
    audit: Standard = field(default_factory=Standard)
    warn: Standard = field(default_factory=Standard)

    @property
    def is_privileged(self) -> bool:
        """Whether nothing has to be looked at."""
        return {self.enforce.level, self.audit.level, self.warn.level} == {Level.PRIVILEGED}


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """A label whose value is no level or no version."""

    label: str
    value: str
    accepted: str

    def __str__(self) -> str:
        return f'metadata.labels[{self.label}]: Invalid value: "{self.value}": {self.accepted}'


def policy_of(labels: Mapping[str, str], default: Policy) -> tuple[Policy, list[LabelProblem]]:
    """The policy, and what is wrong with the labels.

    A wrong label counts as the strictest for enforce, as privileged for audit and warn. Without a label for warn,
    a stricter level that is enforced is warned of, too: so a Deployment tells at once what its pods will suffer.
    """
    problems: list[LabelProblem] = []
    enforce = _standard("enforce", labels, default.enforce, Level.RESTRICTED, problems)
    audit = _standard("audit", labels, default.audit, Level.PRIVILEGED, problems)
    warn = _standard("warn", labels, default.warn, Level.PRIVILEGED, problems)
    stricter = enforce.level.strictness > warn.level.strictness
    if f"{PREFIX}warn" not in labels and f"{PREFIX}enforce" in labels and stricter:
        minor = warn.minor if f"{PREFIX}warn-version" in labels else enforce.minor
        warn = Standard(enforce.level, minor)
    return Policy(enforce, audit, warn), problems


def _standard(
    mode: str,
    labels: Mapping[str, str],
    default: Standard,
    on_error: Level,
    problems: list[LabelProblem],
) -> Standard:
    level, minor = default.level, default.minor
    text = labels.get(f"{PREFIX}{mode}")
    if text is not None:
        level = Level(text) if text in list(Level) else on_error
        if text not in list(Level):
            problems.append(LabelProblem(f"{PREFIX}{mode}", text, f"must be one of {', '.join(Level)}"))
    text = labels.get(f"{PREFIX}{mode}-version")
    if text is not None:
        match = _VERSION.fullmatch(text)
        minor = int(match[1]) if match else LATEST
        if not match and text != "latest":
            accepted = 'must be "latest" or "v1.x"'
            problems.append(LabelProblem(f"{PREFIX}{mode}-version", text, accepted))
    return Standard(level, minor)
