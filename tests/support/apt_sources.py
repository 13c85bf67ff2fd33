# SPDX-License-Identifier: Apache-2.0
"""Pure: from the machine's apt sources, the sources of another suite of the same archive."""

import re
from collections.abc import Mapping

# Which entries are the archive itself: those of the running release, under its codename or by its standing.
STANDINGS = frozenset({"stable", "oldstable", "oldoldstable", "testing"})

_ONE_LINE = re.compile(r"^\s*deb\s+(?P<options>\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+\S")
_FIELD = re.compile(r"^(?P<name>[A-Za-z-]+):")


def derive(files: Mapping[str, str], codename: str, suite: str) -> dict[str, str]:
    """Sources that lead to `suite`, by file name; {} when none of the files has the archive of `codename`.

    files: the text of sources.list and sources.list.d/* by file name, of which .list is the one-line format
    and .sources is deb822 (sources.list(5)). Keys, options and mirrors stay as the machine has them.
    """
    mine = STANDINGS | {codename}
    derived = {name: _derive_one(name, text, mine, suite) for name, text in files.items()}
    return {name: text for name, text in derived.items() if text}


def _derive_one(name: str, text: str, mine: frozenset[str], suite: str) -> str:
    if name.endswith(".sources"):
        paragraphs = re.split(r"\n\s*\n", text)
        return "\n".join(filter(None, (_paragraph(each, mine, suite) for each in paragraphs)))
    if name.endswith(".list"):
        return "".join(_line(each, mine, suite) for each in text.splitlines())
    return ""


def _line(line: str, mine: frozenset[str], suite: str) -> str:
    match = _ONE_LINE.match(line)
    if match is None or match["suite"] not in mine:
        return ""
    return f"deb {match['options'] or ''}{match['uri']} {suite} main\n"


def _paragraph(text: str, mine: frozenset[str], suite: str) -> str:
    fields = _fields(text)
    words = {name: value.split() for name, value in fields.items()}
    if "deb" not in words.get("types", []) or not mine & set(words.get("suites", [])):
        return ""
    if words.get("enabled") == ["no"]:
        return ""
    fields |= {"types": " deb", "suites": f" {suite}", "components": " main"}
    return "".join(f"{name}:{value}\n" for name, value in fields.items())


def _fields(text: str) -> dict[str, str]:
    """Field (in lower case) -> value with its continuation lines, comments left out."""
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if match := _FIELD.match(line):
            name = match["name"].lower()
            fields[name] = line.partition(":")[2]
        elif name:
            fields[name] += f"\n{line}"
    return fields
