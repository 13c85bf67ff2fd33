# SPDX-License-Identifier: Apache-2.0
"""YAML for the configuration files that the lab writes (pure); importing a YAML library would slow `orlop up` down."""

import json
from typing import Any


def render(mapping: dict[str, Any]) -> str:
    """Every string is quoted, as in JSON, so that no name is taken for a number or a date."""
    return "".join(_lines(mapping, ""))


def _lines(mapping: dict[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in mapping.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:\n")
            lines.extend(_lines(value, indent + "  "))
        else:
            lines.append(f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n")
    return lines
