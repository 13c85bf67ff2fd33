# SPDX-License-Identifier: Apache-2.0
"""A lab as an object: what the command line and tests hold in their hands."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from lab import process, specfile, status
from lab.down import down
from lab.errors import LabError
from lab.leftovers import HostFolders
from lab.model import LabPaths, LabSpec, LabStatus, default_root
from lab.paths import CONTROLPLANE
from lab.progress import Progress, silent
from lab.up import up


class Lab:
    """Nodes in network namespaces on a switch, each with its own containerd and node process; a control plane."""

    def __init__(
        self,
        spec: LabSpec | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        host: HostFolders | None = None,
    ) -> None:
        """Hold a lab that may be up, half up or not there; nothing is touched. environ: of its processes."""
        chosen = spec or LabSpec()
        # Mounts and links are looked up by real paths.
        self.spec = replace(chosen, root=Path(os.path.realpath(chosen.paths.root)))
        self._environ = os.environ if environ is None else environ
        self._host = host or HostFolders()

    @property
    def paths(self) -> LabPaths:
        """Where everything of the lab is."""
        return self.spec.paths

    def up(self, progress: Progress = silent) -> None:
        """Make what is missing, start what does not run; returns when every node and the control plane work.

        Raises LabRefusedError when root or name belong to something else, LabStartError when a process does not
        start, LabError for anything else; what was made by then stays for a look, `down` removes it.
        """
        _need_root("make")
        self.spec = up(self.spec, progress, self._environ, self._host)

    def down(self, progress: Progress = silent) -> None:
        """Remove the lab in whatever state it is; LabLeftoverError says what could not be removed."""
        _need_root("remove")
        down(self.spec, progress, self._host)

    def status(self) -> LabStatus:
        """How the lab fares now."""
        return status.read(self.spec)

    def end_controlplane(self) -> None:
        """Kill the control plane's process, if there is one, and wait for its end; it is started again by itself."""
        record = process.running(self.paths.controlplane.pid_file(CONTROLPLANE))
        if record is not None and not process.kill(record.identity):
            raise LabError(f"cannot end the control plane: process {record.identity.pid} does not end")

    def __enter__(self) -> Self:
        """Bring the lab up; one that does not come up is removed."""
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take the lab down."""
        self.down()


def _need_root(verb: str) -> None:
    if os.geteuid() != 0:
        raise LabError(
            f"cannot {verb} a lab: network namespaces, mounts and cgroups need root; run it as root"
        )


def remains_of(name: str, root: Path | str | None = None) -> Lab:
    """The lab `name` for its removal, even when its root folder or lab.json is gone or was never written."""
    folder = Path(os.path.realpath(root or default_root(name)))
    try:
        return open_lab(folder)
    except LabError:
        # Its cgroups and names carry the root's path, which is all that `down` needs.
        return Lab(LabSpec(name=name, root=folder))


def open_lab(root: Path | str) -> Lab:
    """The lab whose files are below `root`; LabNotFoundError when there is none."""
    return Lab(specfile.read(Path(os.path.realpath(root))))
