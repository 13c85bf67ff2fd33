# SPDX-License-Identifier: Apache-2.0
"""Installing: complete, idempotent, refreshed when stale; and the shim's own way without a daemon."""

import json
import os
import subprocess
from dataclasses import replace

import pytest

from netplugin.config import Settings
from netplugin.errors import InputOutputError
from netplugin.install import install, uninstall


@pytest.fixture
def wanted(tmp_path):
    return Settings(
        pod_cidrs=("10.244.1.0/24",),
        state_dir=tmp_path / "state",
        socket=tmp_path / "netd.sock",
        cni_bin_dir=tmp_path / "opt" / "bin",
        cni_conf_dir=tmp_path / "etc" / "net.d",
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run(program, verb, stdin=b"{}", **environ):
    return subprocess.run(
        [program], input=stdin, capture_output=True, check=False, env={"CNI_COMMAND": verb, **environ}
    )


def test_two_executables_and_a_conflist_are_written(wanted):
    install(wanted)
    for name in ("orlop", "loopback"):
        assert os.access(wanted.cni_bin_dir / name, os.X_OK)
    conflist = json.loads((wanted.cni_conf_dir / "10-orlop.conflist").read_text())
    assert (conflist["cniVersion"], conflist["name"]) == ("1.0.0", "orlop")
    [plugin] = conflist["plugins"]
    assert plugin["type"] == "orlop"
    assert plugin["stateDir"] == str(wanted.state_dir)
    assert names(wanted.cni_bin_dir) == ["loopback", "orlop"]
    assert names(wanted.cni_conf_dir) == ["10-orlop.conflist"]


def test_a_second_install_touches_nothing_and_a_stale_file_is_replaced(wanted):
    install(wanted)
    conflist = wanted.cni_conf_dir / "10-orlop.conflist"
    before = conflist.stat()
    install(wanted)
    assert conflist.stat().st_ino == before.st_ino
    (wanted.cni_bin_dir / "orlop").write_text("old")
    install(replace(wanted, mtu=1400))
    assert conflist.stat().st_ino != before.st_ino
    assert "def main" in (wanted.cni_bin_dir / "orlop").read_text()


def test_uninstall_takes_away_what_was_written(wanted):
    install(wanted)
    uninstall(wanted)
    uninstall(wanted)
    assert names(wanted.cni_bin_dir) == names(wanted.cni_conf_dir) == []


def test_a_folder_that_cannot_be_written_is_named(wanted):
    wanted.cni_bin_dir.parent.parent.mkdir(exist_ok=True)
    wanted.cni_bin_dir.parent.write_text("a file is in the way")
    with pytest.raises(InputOutputError, match=str(wanted.cni_bin_dir)):
        install(wanted)


def test_the_executable_answers_without_a_daemon(wanted):
    install(wanted)
    done = run(wanted.cni_bin_dir / "orlop", "VERSION", b'{"cniVersion": "1.0.0"}')
    assert done.returncode == 0, done.stderr
    assert "1.1.0" in json.loads(done.stdout)["supportedVersions"]


def test_an_error_is_an_answer_too(wanted):
    install(wanted)
    done = run(wanted.cni_bin_dir / "loopback", "ADD", b"not json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == 6


def test_a_plugin_whose_code_is_gone_says_so(wanted, tmp_path):
    from netplugin.install import _interpreter, shim_text

    program = tmp_path / "orlop"
    program.write_text(shim_text(wanted.socket, _interpreter(), ["/nowhere"]))
    program.chmod(0o755)
    done = run(program, "VERSION")
    assert done.returncode == 1
    assert "install it again" in json.loads(done.stdout)["msg"]


def test_the_caller_cannot_change_what_is_imported(wanted, tmp_path):
    """A runtime's PYTHONPATH or folder must not lead to other code under root's rights."""
    (tmp_path / "posix.py").write_text("raise SystemExit(9)")
    (tmp_path / "netplugin.py").write_text("raise SystemExit(9)")
    install(wanted)
    done = run(wanted.cni_bin_dir / "orlop", "VERSION", PYTHONPATH=str(tmp_path), PYTHONSTARTUP="/x")
    assert done.returncode == 0
