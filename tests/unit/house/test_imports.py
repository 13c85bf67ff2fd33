# SPDX-License-Identifier: Apache-2.0
"""Which folder may import which: the table of ARCHITECTURE.md, enforced by walking every import."""

import ast
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# folder -> the other folders of ours that it may import; lab uses the public names of the ones it lists
MAY_IMPORT: dict[str, set[str]] = {
    "agent": {"cri", "kube"},
    "cri": set(),
    "netplugin": set(),
    "proxy": {"kube"},
    "controlplane": {"kube"},
    "kube": set(),
    "lab": {"cli"},
    "cli": {"agent", "cri", "netplugin", "proxy", "controlplane", "kube", "lab"},
    "proto": set(),
}


def imported_modules(source: str) -> Iterator[str]:
    """Every module that the source names in an import, at any depth of the code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def forbidden_imports(folder: str, source: str) -> list[str]:
    others = MAY_IMPORT.keys() - MAY_IMPORT[folder] - {folder}
    return [module for module in imported_modules(source) if module.split(".")[0] in others | {"tests"}]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_folder_keeps_to_the_table(folder: str) -> None:
    broken = {
        str(path.relative_to(ROOT)): found
        for path in (ROOT / folder).rglob("*.py")
        if (found := forbidden_imports(folder, path.read_text()))
    }
    assert broken == {}


def test_the_walk_finds_an_import_inside_a_function() -> None:
    assert forbidden_imports("netplugin", "def f():\n    from cri.model import Sandbox\n") == ["cri.model"]
    assert forbidden_imports("agent", "import cri\nimport cricket\n") == []


def test_every_package_is_in_the_table() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= MAY_IMPORT.keys()


def test_no_dependency_installs_a_folder_of_our_names() -> None:
    """Our top-level names are plain words; a dependency that brought the same one would shadow ours."""
    clashes = {
        f"{distribution.metadata['Name']}: {name}"
        for distribution in metadata.distributions()
        if distribution.metadata["Name"] != "orlop"
        for file in distribution.files or ()
        if (name := Path(str(file)).parts[0]) in MAY_IMPORT or name.removesuffix(".py") in MAY_IMPORT
    }
    assert clashes == set()
