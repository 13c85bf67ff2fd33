# SPDX-License-Identifier: Apache-2.0
"""kubectl in the versions that Debian's suites have, unpacked from the machine's own mirror into the cache folder.

`kubectl_release("1.20")` is the path of a program. Nothing is installed; kubectl is one static binary. See
tests.support.releases, which does the same for containerd.
"""

import hashlib
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.releases import Apt, NoSuchReleaseError, _codename, _locked, _run, _staged, default_cache

# Raise it when the way of unpacking changes.
RECIPE = 1
# Version -> its package, and the suites to look into; "" is that of the machine.
RELEASES = {
    "1.20": ("kubernetes-client", ("",)),
    "1.32": ("kubectl", ("trixie",)),
    "1.36": ("kubectl", ("forky", "sid")),
}


def kubectl_release(name: str, cache: Path | None = None) -> Path:
    """The program, made at the first call; skips the test when apt has no suite with that version."""
    root = cache or default_cache()
    inputs = (RECIPE, name, RELEASES[name], platform.machine(), _codename())
    key = f"kubectl-{name}-{hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]}"
    try:
        with _locked(root, key) as folder:
            if not folder.exists():
                _build(name, folder)
    except NoSuchReleaseError as error:
        pytest.skip(f"kubectl {name}: {error}")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"kubectl {name}: cannot ask apt's mirror: {error}")
    return folder / "kubectl"


def _build(name: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-apt-") as temporary:
        apt = Apt(Path(temporary))
        suite, version = _find(apt, name)
        unpacked = apt.unpack(suite, [f"{RELEASES[name][0]}={version}"])
        with _staged(folder) as stage:
            shutil.copy2(unpacked / "usr/bin/kubectl", stage / "kubectl")
            _run([str(stage / "kubectl"), "version", "--client"])


def _find(apt: Apt, name: str) -> tuple[str, str]:
    seen = []
    package, suites = RELEASES[name]
    for suite in (each or _codename() for each in suites):
        versions = apt.versions(suite, package)
        seen.append(f"{suite} has {', '.join(versions) or 'none'}")
        for version in versions:
            if version.startswith(f"{name}."):
                return suite, version
    raise NoSuchReleaseError("; ".join(seen))
