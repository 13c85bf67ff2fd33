# SPDX-License-Identifier: Apache-2.0
"""From the runtime's call to the answer on standard output; the same in the daemon and in one process.

Wiring only. VERSION and everything that ends in an error of the call itself never import netlink.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from netplugin import status
from netplugin.config import read_config, read_state_dir
from netplugin.errors import NetpluginError, UnsupportedFieldError
from netplugin.keeper import Checker, RuleKeeper
from netplugin.model import Json
from netplugin.request import NEWEST, SUPPORTED_VERSIONS, Request, Verb, read_json, read_request, read_verb
from netplugin.result import error_result, version_result

LOOPBACK = "loopback"
KIND = "orlop"


@dataclass(frozen=True, slots=True)
class Answer:
    """Exit code and standard output."""

    code: int
    stdout: bytes


def answer(
    environ: Mapping[str, str],
    stdin: bytes,
    keeper: RuleKeeper | None = None,
    step: Callable[[str], None] = lambda _name: None,
) -> Answer:
    """Serve one call. Whatever goes wrong becomes an error result, never an exception."""
    try:
        result = _serve(environ, stdin, keeper or Checker(), step)
    except NetpluginError as error:
        return Answer(1, _encode(error_result(_asked_version(stdin), error)))
    except Exception as error:  # noqa: BLE001 - the runtime must get an answer that it can read
        unknown = NetpluginError(f"internal error: {type(error).__name__}: {error}", details=_where(error))
        return Answer(1, _encode(error_result(_asked_version(stdin), unknown)))
    return Answer(0, b"" if result is None else _encode(result))


def run_in_process() -> int:
    """The plugin without daemon: called by the shim when nobody answers on the socket."""
    made = answer(os.environ, sys.stdin.buffer.read())
    sys.stdout.buffer.write(made.stdout)
    sys.stdout.buffer.flush()
    return made.code


def _serve(
    environ: Mapping[str, str], stdin: bytes, keeper: RuleKeeper, step: Callable[[str], None]
) -> Json | None:
    if read_verb(environ) is Verb.VERSION:
        return version_result(_asked_version(stdin))
    request = read_request(environ, stdin)
    if request.kind == LOOPBACK:
        return _serve_loopback(request)
    if request.kind != KIND:
        raise UnsupportedFieldError(
            f"unsupported field type={request.kind!r}: accepted are {KIND}, {LOOPBACK}"
        )
    return _serve_main(request, keeper, step)


def _serve_main(request: Request, keeper: RuleKeeper, step: Callable[[str], None]) -> Json | None:
    """Check the config first, import what works with netlink only then."""
    if request.verb is Verb.STATUS:
        status.check(request)
        return None
    if request.verb is Verb.DEL:
        state_dir = read_state_dir(request.config)
    else:
        config = read_config(request.config)
        _refuse_chained(request)
    from netplugin import attach, check, gc

    around = attach.Surroundings(Path("/proc/sys"), time.time, keeper, step)
    match request.verb:
        case Verb.ADD:
            return attach.add(request, config, around)
        case Verb.DEL:
            attach.delete(request, state_dir, around)
        case Verb.CHECK:
            check.check(request, config)
        case Verb.GC:
            gc.collect(request, config, around)
    return None


def _serve_loopback(request: Request) -> Json | None:
    from netplugin import loopback

    match request.verb:
        case Verb.ADD:
            return loopback.add(request)
        case Verb.DEL:
            loopback.delete(request)
        case Verb.CHECK:
            loopback.check(request)
    return None  # STATUS and GC: there is nothing that could be missing or left over


def _refuse_chained(request: Request) -> None:
    if request.verb is Verb.ADD and "prevResult" in request.config:
        raise UnsupportedFieldError(
            f"unsupported field prevResult={request.config['prevResult']!r}: "
            "this plugin makes the pod's interface and must be the first of its list"
        )


def _asked_version(stdin: bytes) -> str:
    """The version that the caller speaks, as well as it can be told."""
    try:
        asked = read_json(stdin).get("cniVersion")
    except NetpluginError:
        return NEWEST
    return asked if isinstance(asked, str) and asked in SUPPORTED_VERSIONS else NEWEST


def _encode(result: Json) -> bytes:
    return json.dumps(result).encode() + b"\n"


def _where(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
