# SPDX-License-Identifier: Apache-2.0
"""libyaml's terse complaints, put so that the person who wrote the file knows what to change."""

from typing import Final

import yaml
from yaml.reader import ReaderError

from agent.sources.errors import ManifestError

# libyaml's words -> ours. The first line whose words are all in the complaint decides.
_MEANINGS: Final = (
    (
        ("quoted scalar", "end of stream"),
        "a quote that is opened here is never closed; accepted: text with a quote at both ends",
    ),
    (
        ("quoted scalar", "document indicator"),
        "a quote that is opened here is never closed before the next document",
    ),
    (("tab character", "indentation"), "a tab is used for indentation; accepted: spaces"),
    (
        ("mapping values are not allowed",),
        '": " stands where no key can be; accepted: the same indentation as the keys around it, '
        'or quotes around a text that contains ": "',
    ),
    (
        ("did not find expected key",),
        "a key was expected; accepted: the same indentation as the keys around it",
    ),
    (
        ("expected '-' indicator",),
        'a list item was expected; accepted: "- " before each item, all indented alike',
    ),
    (("could not find expected ':'",), 'a key without ":"; accepted: "key: value"'),
    (
        ("undefined alias",),
        "an alias (*name) without its anchor; accepted: &name earlier in the same document",
    ),
    (("duplicate anchor",), "an anchor (&name) is given twice; accepted: a name of its own for each"),
    (("flow sequence",), 'a list that is opened with "[" is not closed with "]"'),
    (("flow mapping",), 'an object that is opened with "{" is not closed with "}"'),
    (("flow node",), 'something that is opened with "[" or "{" is not closed'),
    (("incompatible yaml document",), "a YAML version that is not known; accepted: 1.1 and 1.2"),
)
# Complaints where the beginning of the unfinished thing says more than the place where the parser gave up.
_BEGUN: Final = ("quoted scalar", "simple key", "flow sequence", "flow mapping")


def explain(error: yaml.YAMLError, text: str) -> ManifestError:
    """A ManifestError in words, at the line where the fault is."""
    if isinstance(error, ReaderError):
        return _bad_character(error, text)
    if not isinstance(error, yaml.MarkedYAMLError):
        return ManifestError(f"broken YAML: {error}")
    complaint = f"{error.context or ''} {error.problem or ''}".lower()
    begun = any(words in complaint for words in _BEGUN)
    mark = (error.context_mark if begun else None) or error.problem_mark or error.context_mark
    # At the end of a text the mark is on the line after the last.
    line = min(mark.line + 1, len(text.splitlines())) if mark else 0
    if "cannot start any token" in complaint and error.problem_mark:
        return ManifestError(f"broken YAML: {_bad_start(error.problem_mark, text)}", line=line)
    for words, meaning in _MEANINGS:
        if all(word in complaint for word in words):
            return ManifestError(f"broken YAML: {meaning}", line=line)
    return ManifestError(f"broken YAML: {complaint.strip()}", line=line)


def _bad_start(mark: yaml.Mark, text: str) -> str:
    """A character that YAML keeps for itself; mostly a tab."""
    lines = text.splitlines()
    here = lines[mark.line][mark.column :][:1] if mark.line < len(lines) else ""
    if here == "\t":
        return "a tab is used for indentation; accepted: spaces"
    return f"a value cannot begin with {here!r}; accepted: the value in quotes"


def _bad_character(error: ReaderError, text: str) -> ManifestError:
    # CParser counts `position` in bytes of what it was given, which is UTF-8 here.
    before = text.encode()[: error.position]
    code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "\0")
    message = f"the character U+{code:04X} is not allowed; accepted: printable text, tabs and line ends"
    return ManifestError(message, line=before.count(b"\n") + 1)
