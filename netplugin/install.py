# SPDX-License-Identifier: Apache-2.0
"""Puts the plugin where containerd looks for it: two executables and one conflist, each written atomically.

Run again, it replaces what is stale and leaves the rest as it is, so that a runtime that watches the folder
is not woken for nothing.
"""

import contextlib
import importlib.util
import json
import secrets
import sys
from pathlib import Path

from netplugin import shim
from netplugin.config import Settings, network_of, plugin_section
from netplugin.errors import InputOutputError
from netplugin.model import Json

EXECUTABLES = ("orlop", "loopback")
CONFLIST = "10-orlop.conflist"

ANSWER_SECONDS = 60.0
"""How long the shim waits for the daemon; containerd gives up on a sandbox later than that."""


def install(settings: Settings) -> None:
    """Write executables first, then the conflist, whose appearance makes the runtime use them.

    Raises ConfigError for settings that the plugin would refuse, InputOutputError for folders that cannot
    be written.
    """
    network_of(settings)
    program = shim_text(settings.socket, _interpreter(), _imports())
    for name in EXECUTABLES:
        _write(settings.cni_bin_dir / name, program.encode(), 0o755)
    conflist = json.dumps(conflist_of(settings), indent=2) + "\n"
    _write(settings.cni_conf_dir / CONFLIST, conflist.encode(), 0o644)


def uninstall(settings: Settings) -> None:
    """Remove what install wrote, the conflist first; what is not there is no error. Allocations stay."""
    for path in (settings.cni_conf_dir / CONFLIST, *(settings.cni_bin_dir / name for name in EXECUTABLES)):
        path.unlink(missing_ok=True)


def conflist_of(settings: Settings) -> Json:
    """The network configuration list: our plugin alone."""
    return {
        "cniVersion": settings.cni_version,
        "name": settings.network,
        "plugins": [plugin_section(settings)],
    }


def shim_text(socket: Path, interpreter: Path, imports: list[str]) -> str:
    """The executable: -I ignores the caller's PYTHON* variables, -S leaves site-packages unread."""
    source = Path(shim.__file__).read_text()
    return f"#!{interpreter} -IS\n{source}\n\nmain({str(socket)!r}, {imports!r}, {ANSWER_SECONDS})\n"


def _interpreter() -> Path:
    """The interpreter below the virtual environment, which must not have to be found at every start."""
    return Path(getattr(sys, "_base_executable", sys.executable) or "/usr/bin/python3").resolve()


def _imports() -> list[str]:
    """Where the plugin and what it uses were imported from."""
    specs = [importlib.util.find_spec(name) for name in ("netplugin", "pyroute2")]
    folders = [Path(spec.origin).resolve().parent.parent for spec in specs if spec and spec.origin]
    return [str(folder) for folder in dict.fromkeys(folders)]


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
            return
        temporary.write_bytes(content)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputOutputError(f"cannot write {path}: {error.strerror}") from error
