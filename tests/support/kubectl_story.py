# SPDX-License-Identifier: Apache-2.0
"""Stories: commands in a row, each with what a Kubernetes user expects to read.

What is told is compared line by line without the widths of columns. In the expected text <AGE>, <IP>, <ID>, <NS>,
<FROM> and <ANY> stand for what differs each time, <LINES> for any number of lines.
"""

import re
import shlex
import time
from dataclasses import dataclass
from typing import Final

from tests.support.kubectl import Kubectl

NEWEST: Final = 99
PATIENCE_SECONDS: Final = 60.0
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
    # Asked again until it is so: what a controller does or an Event that is on its way.
    eventually: bool = False


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
        _perform(step, kubectl, namespace)


def _perform(step: Step, kubectl: Kubectl, namespace: str) -> None:
    words = [word.replace("<NS>", namespace) for word in shlex.split(step.command)]
    expected, stdin = (text.replace("<NS>", namespace) for text in (step.told, step.stdin))
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = kubectl.call(f"--namespace={namespace}", *words, stdin=stdin, editor=step.editor)
        told, failed = done.stdout + done.stderr, done.returncode != 0
        if failed == step.fails and fits(expected, told):
            return
        if not step.eventually or time.monotonic() > end:
            raise AssertionError(
                f"kubectl {step.command} ended with {done.returncode} and told:\n{plain(told)}\n"
                f"expected:\n{plain(expected)}"
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
