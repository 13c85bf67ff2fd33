# SPDX-License-Identifier: Apache-2.0
"""containerd in the versions that Debian's suites have, unpacked from the machine's own mirror into a cache
folder.

`containerd_release("1.7")` is a folder with containerd, containerd-shim-runc-v2, ctr and runc of that suite.
Nothing is installed, and apt's own lists and caches stay untouched.

runc of a newer suite needs a newer glibc than Debian 12 has. Starting it through that suite's ld.so does not
do: runc starts itself again as /proc/self/exe, which would be ld.so. So patchelf writes that suite's ld.so
and libraries into the binary itself.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import apt_sources

BINARIES = ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
LIBRARIES = ("libc.so.6", "libseccomp.so.2")
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
FOLDERS = ("usr/bin", "usr/sbin")
# Goes into the cache's key: raise it when the way of unpacking changes.
RECIPE = 1


@dataclass(frozen=True, slots=True)
class Release:
    """A version of containerd and where to look for it: the first of the suites that has it."""

    version: str
    suites: tuple[str, ...]


RELEASES = {
    "1.6": Release("1.6", ()),  # Debian 12's, as installed
    "1.7": Release("1.7", ("trixie",)),
    "2.1": Release("2.1", ("forky", "sid")),
}


class NoSuchReleaseError(Exception):
    """The machine's apt has no suite with that version; the message says what it has."""


def containerd_release(name: str, cache: Path | None = None) -> Path:
    """The folder of a release, made at the first call; skips the test when apt has no suite with that
    version.
    """
    release = RELEASES[name]
    try:
        return (
            _cached(release, cache or default_cache())
            if release.suites
            else _installed(release, cache or default_cache())
        )
    except NoSuchReleaseError as error:
        pytest.skip(f"containerd {name}: {error}")


def default_cache() -> Path:
    """Outside the checkout, shared by all of the user's checkouts."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "orlop" / "releases"


def key(release: Release) -> str:
    """A folder's name: the version, and a hash of everything that its content follows from."""
    inputs = (RECIPE, release, BINARIES, LIBRARIES, platform.machine(), _codename())
    return f"containerd-{release.version}-{hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]}"


def _installed(release: Release, cache: Path) -> Path:
    """Links to the installed programs."""
    found = {each: shutil.which(each, path=f"{os.defpath}:/usr/sbin:/sbin") for each in BINARIES}
    missing = [each for each, path in found.items() if path is None]
    if missing:
        raise NoSuchReleaseError(f"not installed: {', '.join(missing)}")
    version = _run(["containerd", "--version"]).split()[2]
    if not version.startswith(f"{release.version}."):
        raise NoSuchReleaseError(f"the installed one is {version}")
    with _locked(cache, key(release)) as folder:
        if not folder.exists():
            with _staged(folder) as stage:
                for each, path in found.items():
                    (stage / each).symlink_to(str(path))
    return folder


def _cached(release: Release, cache: Path) -> Path:
    with _locked(cache, key(release)) as folder:
        if not folder.exists():
            _build(release, folder)
    return folder


@contextmanager
def _locked(cache: Path, name: str) -> Iterator[Path]:
    """Alone among all processes with the folder `name` of the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache / name


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` at the end, whole, or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        stage = Path(temporary) / "stage"
        stage.mkdir()
        yield stage
        stage.rename(folder)


def _build(release: Release, folder: Path) -> None:
    """Download, unpack, pick the programs, make each run on this machine, and see that it does."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-apt-") as temporary:
        apt = Apt(Path(temporary))
        suite, version = _find(apt, release)
        unpacked = apt.unpack(suite, [f"containerd={version}", "runc", "libc6", "libseccomp2"])
        with _staged(folder) as stage:
            for each in BINARIES:
                shutil.copy2(
                    next(path for at in FOLDERS if (path := unpacked / at / each).exists()), stage / each
                )
            for each in BINARIES:
                if not _starts(stage / each):
                    _bind_libraries(stage, each, unpacked, folder, apt)
    try:
        for each in BINARIES:
            _run([str(folder / each), "-v"])
    except subprocess.CalledProcessError:
        shutil.rmtree(folder)
        raise


def _find(apt: "Apt", release: Release) -> tuple[str, str]:
    seen = []
    for suite in release.suites:
        versions = apt.versions(suite, "containerd")
        seen += [f"{suite} has {', '.join(versions) or 'none'}"]
        for version in versions:
            if version.startswith(f"{release.version}."):
                return suite, version
    raise NoSuchReleaseError("; ".join(seen))


def _starts(binary: Path) -> bool:
    return subprocess.run([str(binary), "-v"], capture_output=True, check=False).returncode == 0


def _bind_libraries(stage: Path, name: str, unpacked: Path, folder: Path, apt: "Apt") -> None:
    """Have a program use its own suite's loader and libraries, from where they will be: in `folder`/lib."""
    libraries = unpacked / "usr/lib" / f"{platform.machine()}-linux-gnu"
    loader = LOADERS[platform.machine()]
    (stage / "lib").mkdir(exist_ok=True)
    for each in (loader, *LIBRARIES):
        shutil.copy2(libraries / each, stage / "lib" / each)
    lib = str(folder / "lib")
    command = ["--set-interpreter", f"{lib}/{loader}", "--set-rpath", lib, str(stage / name)]
    _run([str(apt.unpack(_codename(), ["patchelf"]) / "usr/bin/patchelf"), *command])


class Apt:
    """apt over derived sources, with lists and cache of its own below `root`."""

    def __init__(self, root: Path, etc: Path = Path("/etc/apt")) -> None:
        self._root = root
        files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
        self._configured = {path.name: path.read_text() for path in files if path.is_file()}
        self._updated: set[str] = set()

    def versions(self, suite: str, package: str) -> list[str]:
        """The package's versions in the suite, newest first."""
        self._update(suite)
        rows = _run(["apt-cache", *self._options(suite), "madison", package]).splitlines()
        return list(dict.fromkeys(row.split("|")[1].strip() for row in rows))

    def unpack(self, suite: str, packages: list[str]) -> Path:
        """Download the packages and unpack them all into one folder."""
        self._update(suite)
        here, into = self._root / suite / "debs", self._root / suite / "unpacked"
        here.mkdir(exist_ok=True)
        _run(["apt-get", *self._options(suite), "-q", "download", *packages], cwd=here)
        for package in sorted(here.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(into)])
            package.unlink()
        return into

    def _update(self, suite: str) -> None:
        if suite in self._updated:
            return
        sources = apt_sources.derive(self._configured, _codename(), suite)
        if not sources:
            raise NoSuchReleaseError("apt is not configured with the archive of this Debian")
        parts = self._root / suite / "sources"
        for folder in (
            parts,
            self._root / suite / "lists/partial",
            self._root / suite / "cache/archives/partial",
        ):
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in sources.items():
            (parts / name).write_text(text)
        try:
            _run(["apt-get", *self._options(suite), "-q", "update"])
        except subprocess.CalledProcessError as error:
            if "does not have a Release file" in error.stderr:
                raise NoSuchReleaseError(f"apt's mirror has no suite {suite}") from error
            raise
        self._updated.add(suite)

    def _options(self, suite: str) -> list[str]:
        root = self._root / suite
        values = {
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": root / "sources",
            "Dir::State::Lists": root / "lists",
            "Dir::Cache": root / "cache",
            "Acquire::Languages": "none",
            # The cache is the user's; apt's own user may not enter it.
            "APT::Sandbox::User": "root",
        }
        return [part for name, value in values.items() for part in ("-o", f"{name}={value}")]


def _codename() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def _run(command: list[str], cwd: Path | None = None) -> str:
    """A program's output; CalledProcessError carries its stderr."""
    environment = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        error.add_note(done.stderr)
        raise error
    return done.stdout
