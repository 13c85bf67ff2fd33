# SPDX-License-Identifier: Apache-2.0
"""Stories: commands in a row, each with what a Kubernetes user expects to read.

What is told is compared line by line without the widths of columns. In the expected text <AGE>, <IP>, <ID>, <NS>,
<FROM> and <ANY> stand for what differs each time, <LINES> for any number of lines.
"""

import re
import shlex
from dataclasses import dataclass
from typing import Final

from tests.support.kubectl import Kubectl

NEWEST: Final = 99
# From 1.34 on kubectl says which namespace an object was deleted from.
_TOKENS: Final = {
    "<AGE>": r"(?:\d+[smhd]){1,2}",
    "<IP>": r"10\.96\.\d+\.\d+",
    "<ID>": r"[a-z0-9-]+",
    "<ANY>": r"[^\n]*",
    "<LINES>": r"(?:[^\n]*\n)*?[^\n]*",
    "<FROM>": r"(?: from \S+ namespace)?",
}
_SPLIT: Final = re.compile(f"({'|'.join([*_TOKENS, '<NS>'])})")


@dataclass(frozen=True, slots=True)
class Step:
    """One command after `kubectl --namespace <the story's>`; since and until are minor versions of kubectl."""

    command: str
    told: str
    stdin: str = ""
    fails: bool = False
    since: int = 0
    until: int = NEWEST
    # A sed script that stands for the user's editor.
    editor: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """Steps in a namespace of their own."""

    name: str
    steps: tuple[Step, ...]
    since: int = 0

    def steps_of(self, minor: int) -> tuple[Step, ...]:
        """Those that kubectl of this minor version can do."""
        if minor < self.since:
            return ()
        return tuple(step for step in self.steps if step.since <= minor <= step.until)


def play(story: Story, kubectl: Kubectl, minor: int) -> None:
    """Run all steps. AssertionError says which one told something else."""
    namespace = f"story-{story.name}"
    kubectl.run("create", "namespace", namespace)
    for step in story.steps_of(minor):
        words = [word.replace("<NS>", namespace) for word in shlex.split(step.command)]
        done = kubectl.call(
            f"--namespace={namespace}",
            *words,
            stdin=step.stdin.replace("<NS>", namespace),
            editor=step.editor,
        )
        told = done.stdout + done.stderr
        assert (done.returncode != 0) == step.fails, (
            f"kubectl {step.command} ended with {done.returncode}:\n{told}"
        )
        expected = step.told.replace("<NS>", namespace)
        assert fits(expected, told), (
            f"kubectl {step.command} told:\n{plain(told)}\nexpected:\n{plain(expected)}"
        )


def fits(expected: str, told: str) -> bool:
    """Whether a text is as expected."""
    parts = _SPLIT.split(plain(expected))
    pattern = "".join(_TOKENS.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(pattern, plain(told)) is not None


def plain(text: str) -> str:
    """Lines without what lays them out: widths of columns, indentation, empty lines."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
