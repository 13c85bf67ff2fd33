# SPDX-License-Identifier: Apache-2.0
"""/healthz, /livez, /readyz and their named checks, and /version."""

import platform
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from aiohttp import web

from controlplane.errors import ApiError

Check = Callable[[], Awaitable[str]]
"""Gives "" when all is well, else what is wrong."""

PATHS: Final = ("healthz", "livez", "readyz")
# The API that this server speaks; clients read major and minor out of gitVersion.
KUBERNETES: Final = (1, 33)


async def health(
    path: str, checks: Mapping[str, Check], *, verbose: bool, without: Collection[str]
) -> web.Response:
    """Answer /readyz, /readyz/NAME and the like. Failing checks give 500 with all of them listed, else "ok".

    Raises ApiError 404 for a check that does not exist.
    """
    head, _, name = path.strip("/").partition("/")
    if name and name not in checks:
        raise ApiError(404, "NotFound", f"there is no check {name[:80]!r}: {', '.join(checks)}")
    chosen = {name: checks[name]} if name else {n: c for n, c in checks.items() if n not in without}
    failures = {check: why for check, run in chosen.items() if (why := await run())}
    lines = [
        f"[-]{check} failed: {failures[check]}" if check in failures else f"[+]{check} ok" for check in chosen
    ]
    lines += [f"[+]{check} excluded: ok" for check in without if check in checks]
    if failures:
        return web.Response(status=500, text="\n".join([*lines, f"{head} check failed"]) + "\n")
    return web.Response(text="\n".join([*lines, f"{head} check passed"]) + "\n" if verbose else "ok")


def version(release: str) -> dict[str, Any]:
    """version.Info; release is ours, such as 0.1.0."""
    major, minor = KUBERNETES
    patch = re.sub(r"[^0-9A-Za-z.-]", "-", release)
    return {
        "major": str(major),
        "minor": str(minor),
        "gitVersion": f"v{major}.{minor}.0+orlop.{patch}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": platform.python_implementation().lower(),
        "platform": f"linux/{_machine()}",
    }


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
