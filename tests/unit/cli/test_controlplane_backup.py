# SPDX-License-Identifier: Apache-2.0
"""What `orlop controlplane backup` and `restore` refuse, and in which words."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import cli

CONFIG = """
apiVersion: orlop.dev/v1alpha1
kind: ControlPlaneConfig
pki: {folder}/pki
store: {store}
"""


def config(folder: Path, store: str) -> str:
    path = folder / "controlplane.yaml"
    path.write_text(CONFIG.format(folder=folder, store=store))
    return str(path)


@pytest.mark.parametrize(
    ("store", "words", "reason"),
    [
        (
            "sqlite://{folder}/store.db",
            ("backup",),
            "there is no {folder}/store.db; a control plane makes it",
        ),
        (
            "sqlite://{folder}/store.db",
            ("restore",),
            "cannot restore {folder}/copy.tar: there is no such file",
        ),
        ("memory://", ("backup",), "it is gone when its process ends"),
        ("etcd://127.0.0.1:1", ("backup",), "etcdctl snapshot save"),
        ("etcd://127.0.0.1:1", ("restore", "--force"), "etcdctl snapshot save"),
        ("mysql://x", ("backup",), "cannot use the store 'mysql://x'"),
        ("memory://", ("backup", "--name", "x"), "--config names a control plane, and so does --name"),
    ],
)
def test_refusals(store: str, words: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    path = config(tmp_path, store.format(folder=tmp_path))
    done = CliRunner().invoke(
        cli, ["controlplane", *words, "--config", path, str(tmp_path / "copy.tar")], terminal_width=300
    )
    assert done.exit_code in {1, 2}
    assert reason.format(folder=tmp_path) in done.output.replace("\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {"controlplane.yaml"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("backup", "--root", "{folder}/none", "x"), "`orlop up` makes one"),
        (("--config", "x", "backup", "y"), "write options behind the command: controlplane backup"),
        ((), "Missing option '--config'"),
    ],
)
def test_which_control_plane(words: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["controlplane", *(word.format(folder=tmp_path) for word in words)])
    assert done.exit_code in {1, 2}
    assert reason in done.output
